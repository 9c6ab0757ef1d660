//! `semql explore` as a process, for the tests of its server and of its page.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;

use crate::cli::program;
use crate::support::http::{self, HttpResponse};
use crate::support::process::{self, PROCESS_TIMEOUT};

/// Title that changes the page if it is inserted as HTML.
pub const HOSTILE: &str = "<img src=x onerror=document.title='harmed'><script>document.title='harmed'</script>'; \u{202e}--";

/// Folder with `offers.jsonl`: offers of three kinds, a hostile one and a very long
/// one.
pub fn offers() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let kinds = [
        ("Clothing", "cotton shirt"),
        ("Books", "pocket novel"),
        ("Sports", "tennis racket"),
    ];
    let mut lines = String::new();
    for n in 0..60 {
        let (category, what) = kinds[n % 3];
        let colour = ["red", "blue", "green", "white"][n % 4];
        let feel = ["soft", "strong", "light"][n % 3];
        let offer = serde_json::json!({
            "docid": format!("D{n}"), "title": format!("{what} number {n}"),
            "description": format!("A fine {what}, {colour} and {feel}, for every day."), "category": category,
        });
        lines += &format!("{offer}\n");
    }
    let hostile = serde_json::json!({"docid": "</script>", "title": HOSTILE, "description": null, "category": "<b>Bold</b>"});
    let long = serde_json::json!({"docid": null, "title": format!("long {}", "x".repeat(1 << 20)), "description": "\u{0}\u{1b}[1m שלום", "category": null});
    lines += &format!("{hostile}\n{long}\n");
    std::fs::write(folder.path().join("offers.jsonl"), lines).unwrap();
    folder
}

/// `semql explore` with a model that needs no files.
pub fn explore(folder: &Path, args: &[&str]) -> Command {
    let mut program = program(folder);
    program
        .args(["--set", "ai.model=deterministic", "explore"])
        .args(args);
    program
}

/// Server of a page, which is killed on drop.
pub struct Explorer {
    /// `None` after [`into_child`](Self::into_child).
    child: Option<Child>,
    pub port: u16,
    pub token: String,
}

impl Explorer {
    /// Starts the server, and waits for its address.
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        let mut child = explore(folder, args)
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = stdout.read_line(&mut line);
            let _ = sender.send(line);
        });
        let address = receiver.recv_timeout(PROCESS_TIMEOUT).unwrap_or_default();
        let Some((port, token)) = address
            .trim()
            .strip_prefix("http://127.0.0.1:")
            .and_then(|rest| rest.split_once("/#"))
        else {
            let _ = child.kill();
            let err = process::wait(child).stderr;
            panic!(
                "no address in {address:?}: {}",
                String::from_utf8_lossy(&err)
            );
        };
        Self {
            port: port.parse().unwrap(),
            token: token.to_string(),
            child: Some(child),
        }
    }

    /// The process, which is not killed any more.
    pub fn into_child(mut self) -> Child {
        self.child.take().unwrap()
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/#{}", self.port, self.token)
    }

    pub fn get(&self, path: &str) -> HttpResponse {
        self.ask("GET", path, "")
    }

    pub fn sql(&self, sql: &str) -> HttpResponse {
        self.ask(
            "POST",
            "/api/sql",
            &serde_json::json!({"sql": sql}).to_string(),
        )
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> HttpResponse {
        http::request(self.port, method, path, &self.headers(), body)
    }

    pub fn headers(&self) -> [(&str, &str); 2] {
        [
            ("X-Semql-Token", &self.token),
            ("Content-Type", "application/json"),
        ]
    }
}

impl Drop for Explorer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
