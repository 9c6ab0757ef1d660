//! A hub of a few lines for the tests: answers what a closure says and keeps
//! what it was asked.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) token: Option<String>,
    /// First byte asked for.
    pub(super) from: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Send only that many bytes of the body.
    pub(super) cut: Option<usize>,
}

impl Reply {
    /// The whole file, or its rest where one was asked for.
    pub(super) fn file(asked: &Asked, content: &[u8]) -> Reply {
        let from = asked.from.unwrap_or(0);
        let reply = Reply {
            status: 200,
            body: content.to_vec(),
            ..Reply::default()
        };
        if asked.from.is_none() {
            return reply;
        }
        if from >= content.len() {
            return Reply::status(416);
        }
        let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
        Reply {
            status: 206,
            body: content[from..].to_vec(),
            ..reply
        }
        .header("content-range", range)
    }

    pub(super) fn status(status: u16) -> Reply {
        Reply {
            status,
            ..Reply::default()
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn cut(self, bytes: usize) -> Reply {
        Reply {
            cut: Some(bytes),
            ..self
        }
    }
}

pub(super) struct FakeHub {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl FakeHub {
    pub(super) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> FakeHub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (kept, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                // A client that hangs up early is part of some tests.
                std::thread::spawn(move || drop(serve(stream, &kept, answer.as_ref())));
            }
        });
        FakeHub { url, asked }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.path).collect()
    }
}

fn serve(
    mut stream: TcpStream,
    kept: &Mutex<Vec<Asked>>,
    answer: &(dyn Fn(&Asked) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let mut asked = Asked::default();
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    asked.path = first.split(' ').nth(1).unwrap_or_default().to_string();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => asked.token = Some(value.to_string()),
            "range" => {
                asked.from = value
                    .trim_start_matches("bytes=")
                    .trim_end_matches('-')
                    .parse()
                    .ok();
            }
            _ => {}
        }
    }
    kept.lock().unwrap().push(asked.clone());
    let reply = answer(&asked);
    let mut head = format!(
        "HTTP/1.1 {} Said\r\ncontent-length: {}\r\nconnection: close\r\n",
        reply.status,
        reply.body.len()
    );
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len())])?;
    stream.flush()
}
