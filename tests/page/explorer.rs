//! `semql explore` as a process, for the tests of its server and of its page.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::cli::program;
use crate::http::{self, Answer};

/// A title that would do harm if a page read it as HTML or SQL.
pub const HOSTILE: &str = "<img src=x onerror=document.title='harmed'><script>document.title='harmed'</script>'; \u{202e}--";

/// Offers of three kinds, a hostile one and an odd one, in `offers.jsonl`.
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

/// The program with a model that needs no files.
pub fn explore(folder: &Path, args: &[&str]) -> Command {
    let mut program = program(folder);
    program
        .args(["--set", "ai.model=deterministic", "explore"])
        .args(args);
    program
}

/// A page that is being served; it ends with this value.
pub struct Explorer {
    pub child: Child,
    pub port: u16,
    pub token: String,
}

impl Explorer {
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        let mut child = explore(folder, args)
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut address)
            .unwrap();
        let Some((port, token)) = address
            .trim()
            .strip_prefix("http://127.0.0.1:")
            .and_then(|rest| rest.split_once("/#"))
        else {
            let mut err = String::new();
            child
                .stderr
                .take()
                .unwrap()
                .read_to_string(&mut err)
                .unwrap();
            panic!("no address but {address:?}: {err}");
        };
        Self {
            port: port.parse().unwrap(),
            token: token.to_string(),
            child,
        }
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/#{}", self.port, self.token)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    pub fn sql(&self, sql: &str) -> Answer {
        self.ask(
            "POST",
            "/api/sql",
            &serde_json::json!({"sql": sql}).to_string(),
        )
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
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
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
