//! A server that answers each request with the same bytes, and keeps what it got.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A server on a free port of this machine, up to the end of the test.
pub struct TcpServer {
    pub port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TcpServer {
    /// A server with this response to each request; `None` keeps connections open without
    /// a response.
    pub fn start(response: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            let mut open = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                log.lock().unwrap().push(head(&mut connection));
                match &response {
                    // The client may have left.
                    Some(response) => drop(connection.write_all(response.as_bytes())),
                    None => open.push(connection),
                }
            }
        });
        Self { port, requests }
    }

    /// The same with a status, headers and a body.
    pub fn answering(status: &str, headers: &str, body: &str) -> Self {
        Self::start(Some(format!(
            "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )))
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Heads of the requests so far.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Head of a request.
fn head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match connection.read(&mut chunk) {
            Ok(read) if read > 0 => head.extend_from_slice(&chunk[..read]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}
