//! HTTP server for tests: a closure makes the responses, requests are recorded.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug, Default)]
pub(in crate::models) struct RecordedRequest {
    pub(in crate::models) path: String,
    pub(in crate::models) token: Option<String>,
    /// First byte of the requested range.
    pub(in crate::models) from: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(in crate::models) struct FakeResponse {
    pub(in crate::models) status: u16,
    pub(in crate::models) headers: Vec<(&'static str, String)>,
    pub(in crate::models) body: Vec<u8>,
    /// Send only this many bytes of the body.
    pub(in crate::models) cut: Option<usize>,
}

impl FakeResponse {
    /// The whole file, or the requested rest of it.
    pub(in crate::models) fn file(request: &RecordedRequest, content: &[u8]) -> FakeResponse {
        let from = request.from.unwrap_or(0);
        let response = FakeResponse {
            status: 200,
            body: content.to_vec(),
            ..FakeResponse::default()
        };
        if request.from.is_none() {
            return response;
        }
        if from >= content.len() {
            return FakeResponse::status(416);
        }
        let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
        FakeResponse {
            status: 206,
            body: content[from..].to_vec(),
            ..response
        }
        .header("content-range", range)
    }

    pub(in crate::models) fn status(status: u16) -> FakeResponse {
        FakeResponse {
            status,
            ..FakeResponse::default()
        }
    }

    pub(in crate::models) fn header(
        mut self,
        name: &'static str,
        value: impl Into<String>,
    ) -> FakeResponse {
        self.headers.push((name, value.into()));
        self
    }

    pub(in crate::models) fn cut(self, bytes: usize) -> FakeResponse {
        FakeResponse {
            cut: Some(bytes),
            ..self
        }
    }
}

pub(in crate::models) struct FakeHub {
    pub(in crate::models) url: String,
    requests: Arc<Mutex<Vec<RecordedRequest>>>,
}

impl FakeHub {
    pub(in crate::models) fn start(
        answer: impl Fn(&RecordedRequest) -> FakeResponse + Send + Sync + 'static,
    ) -> FakeHub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (recorded, answer) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (recorded, answer) = (Arc::clone(&recorded), Arc::clone(&answer));
                // Some tests close the connection early.
                std::thread::spawn(move || drop(serve(stream, &recorded, answer.as_ref())));
            }
        });
        FakeHub { url, requests }
    }

    pub(in crate::models) fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.lock().unwrap().clone()
    }

    pub(in crate::models) fn paths(&self) -> Vec<String> {
        self.requests()
            .into_iter()
            .map(|request| request.path)
            .collect()
    }
}

fn serve(
    mut stream: TcpStream,
    recorded: &Mutex<Vec<RecordedRequest>>,
    answer: &(dyn Fn(&RecordedRequest) -> FakeResponse + Send + Sync),
) -> std::io::Result<()> {
    let mut request = RecordedRequest::default();
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    request.path = first.split(' ').nth(1).unwrap_or_default().to_string();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => request.token = Some(value.to_string()),
            "range" => {
                request.from = value
                    .trim_start_matches("bytes=")
                    .trim_end_matches('-')
                    .parse()
                    .ok();
            }
            _ => {}
        }
    }
    recorded.lock().unwrap().push(request.clone());
    let response = answer(&request);
    let mut head = format!(
        "HTTP/1.1 {} Fake\r\ncontent-length: {}\r\nconnection: close\r\n",
        response.status,
        response.body.len()
    );
    for (name, value) in &response.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    stream.write_all(&response.body[..response.cut.unwrap_or(response.body.len())])?;
    stream.flush()
}
