//! HTTP client of the tests: one request per connection.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::process::PROCESS_TIMEOUT;

/// HTTP response.
#[derive(Debug)]
pub struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl HttpResponse {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }
}

/// Opens a connection and sends a request, without reading the response.
/// `Host` names the port, unless `headers` have another one.
pub fn send(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PROCESS_TIMEOUT)).unwrap();
    stream.set_write_timeout(Some(PROCESS_TIMEOUT)).unwrap();
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    );
    if !headers.iter().any(|(name, _)| *name == "Host") {
        text += &format!("Host: 127.0.0.1:{port}\r\n");
    }
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    stream
        .write_all(format!("{text}\r\n{body}").as_bytes())
        .unwrap();
    stream
}

/// Sends a request and reads the response.
pub fn request(
    port: u16,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> HttpResponse {
    receive(send(port, method, path, headers, body))
}

fn receive(mut stream: TcpStream) -> HttpResponse {
    let mut bytes = Vec::new();
    let mut part = [0; 1 << 16];
    loop {
        let (head, rest) = match end_of_head(&bytes) {
            Some(end) => (Some(head(&bytes[..end])), bytes.len() - end),
            None => (None, 0),
        };
        let length = head.as_ref().and_then(|(_, headers)| {
            let length = headers.iter().find(|(name, _)| name == "content-length")?;
            length.1.parse::<usize>().ok()
        });
        let ended = length.is_some_and(|length| rest >= length) || {
            let read = stream.read(&mut part).unwrap();
            bytes.extend_from_slice(&part[..read]);
            read == 0
        };
        if !ended {
            continue;
        }
        let (status, headers) = head.expect("a response with a head");
        let end = end_of_head(&bytes).unwrap();
        let body = String::from_utf8(bytes[end..].to_vec()).unwrap();
        return HttpResponse {
            status,
            headers,
            body,
        };
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

fn head(bytes: &[u8]) -> (u16, Vec<(String, String)>) {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let mut lines = text.lines();
    let status = lines
        .next()
        .unwrap()
        .split(' ')
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_string()));
    (status, headers.collect())
}
