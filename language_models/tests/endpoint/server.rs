//! An endpoint on a loopback socket that misbehaves as scripted.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

/// Longest wait for a client that neither sends nor closes.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A request for a completion.
#[derive(Clone, Debug)]
pub struct Request {
    /// Position among all requests.
    pub number: usize,
    /// Earlier requests with the same first message of the user.
    pub earlier: usize,
    /// Request line and headers, in lower case but for values.
    pub head: String,
    pub body: Value,
}

impl Request {
    /// The first message of the user: the row as JSON.
    pub fn row(&self) -> &str {
        let messages = self.body["messages"].as_array().unwrap();
        let user = messages.iter().find(|message| message["role"] == "user");
        user.unwrap()["content"].as_str().unwrap()
    }

    /// The text of the column `text`.
    pub fn text(&self) -> String {
        let row: Value = serde_json::from_str(self.row()).unwrap();
        row["text"].as_str().unwrap().to_string()
    }

    /// Type of the `response_format`; empty without one.
    pub fn format(&self) -> &str {
        self.body["response_format"]["type"].as_str().unwrap_or("")
    }
}

/// What the server does with a request.
pub enum Reply {
    /// A completion with this text.
    Answer(String),
    /// A completion with this text that ends at the limit of tokens.
    Limited(String),
    /// A status with further header lines and a body.
    Status(u16, &'static str, Vec<u8>),
    /// A completion that takes this long.
    Late(Duration, String),
    /// The connection closes in the middle of a completion.
    Cut,
    /// The connection closes without a response.
    Close,
    /// Bytes without end.
    Endless,
    /// Nothing, until the client closes the connection.
    Hold,
    /// The server ends.
    Die,
}

type Script = dyn Fn(&Request) -> Reply + Send + Sync;

struct State {
    address: SocketAddr,
    script: Box<Script>,
    requests: Mutex<Vec<Request>>,
    rows: Mutex<HashMap<String, usize>>,
    is_dead: AtomicBool,
    active: AtomicUsize,
    most_active: AtomicUsize,
    abandoned: AtomicUsize,
}

/// A server that ends when it is dropped.
pub struct Server(Arc<State>);

impl Server {
    /// Starts a server on a free port.
    pub fn start(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let state = Arc::new(State {
            address: listener.local_addr().unwrap(),
            script: Box::new(script),
            requests: Mutex::default(),
            rows: Mutex::default(),
            is_dead: AtomicBool::new(false),
            active: AtomicUsize::new(0),
            most_active: AtomicUsize::new(0),
            abandoned: AtomicUsize::new(0),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                if shared.is_dead.load(SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // Clients close connections at any time.
                    let _ = shared.serve(&connection?);
                    std::io::Result::Ok(())
                });
            }
        });
        Self(state)
    }

    /// Location of the endpoint.
    pub fn location(&self) -> String {
        format!("http://{}/v1", self.0.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.0.requests.lock().unwrap().clone()
    }

    /// Number of requests so far.
    pub fn calls(&self) -> usize {
        self.0.requests.lock().unwrap().len()
    }

    /// Most requests at a time.
    pub fn most_active(&self) -> usize {
        self.0.most_active.load(SeqCst)
    }

    /// Held requests whose connection the client closed.
    pub fn abandoned(&self) -> usize {
        self.0.abandoned.load(SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl State {
    /// Ends the thread of the listener, which closes the port.
    fn end(&self) {
        self.is_dead.store(true, SeqCst);
        let _ = TcpStream::connect(self.address);
    }

    fn serve(&self, mut connection: &TcpStream) -> std::io::Result<()> {
        connection.set_read_timeout(Some(READ_TIMEOUT))?;
        let mut reader = BufReader::new(connection);
        loop {
            let Some((head, body)) = read_request(&mut reader)? else {
                return Ok(());
            };
            if self.is_dead.load(SeqCst) {
                return Ok(());
            }
            let active = self.active.fetch_add(1, SeqCst) + 1;
            self.most_active.fetch_max(active, SeqCst);
            let reply = (self.script)(&self.record(head, body));
            let keeps = self.reply(&mut connection, reply);
            self.active.fetch_sub(1, SeqCst);
            if !keeps? {
                return Ok(());
            }
        }
    }

    fn record(&self, head: String, body: Value) -> Request {
        let mut request = Request {
            number: 0,
            earlier: 0,
            head,
            body,
        };
        let mut rows = self.rows.lock().unwrap();
        let earlier = rows.entry(request.row().to_string()).or_default();
        request.earlier = *earlier;
        *earlier += 1;
        let mut requests = self.requests.lock().unwrap();
        request.number = requests.len();
        requests.push(request.clone());
        request
    }

    /// Sends a response. Returns whether the connection stays open.
    fn reply(&self, connection: &mut &TcpStream, reply: Reply) -> std::io::Result<bool> {
        match reply {
            Reply::Answer(text) => respond(connection, 200, "", &completion(&text, "stop")),
            Reply::Limited(text) => respond(connection, 200, "", &completion(&text, "length")),
            Reply::Status(status, headers, body) => respond(connection, status, headers, &body),
            Reply::Late(delay, text) => {
                std::thread::sleep(delay);
                respond(connection, 200, "", &completion(&text, "stop"))
            }
            Reply::Cut => {
                let body = completion(&"x".repeat(1000), "stop");
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                connection.write_all(head.as_bytes())?;
                connection.write_all(&body[..body.len() / 2])?;
                Ok(false)
            }
            Reply::Close => Ok(false),
            Reply::Endless => {
                connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n{\"choices\": \"")?;
                loop {
                    connection.write_all(&[b'a'; 64 << 10])?;
                }
            }
            Reply::Hold => {
                let mut byte = [0];
                let closed = connection.read(&mut byte);
                if matches!(closed, Ok(0)) || closed.is_err() {
                    self.abandoned.fetch_add(1, SeqCst);
                }
                Ok(false)
            }
            Reply::Die => {
                self.end();
                Ok(false)
            }
        }
    }
}

/// Head and body of a request; `None` once the client has closed the connection.
fn read_request(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<(String, Value)>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line == "\r\n" {
            break;
        }
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some((head, serde_json::from_slice(&body).unwrap())))
}

fn respond(
    connection: &mut &TcpStream,
    status: u16,
    headers: &str,
    body: &[u8],
) -> std::io::Result<bool> {
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes())?;
    connection.write_all(body)?;
    Ok(true)
}

/// A chat completion with this text.
pub fn completion(text: &str, finish_reason: &str) -> Vec<u8> {
    let choice = json!({
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": finish_reason,
    });
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13});
    let body = json!({"object": "chat.completion", "choices": [choice], "usage": usage});
    body.to_string().into_bytes()
}
