//! Language model of `tests/endpoint/server.py`, as a process.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::http;
use super::process::PROCESS_TIMEOUT;
use super::skip;

/// Pause between two looks at the counters.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Name of the model that the endpoint has.
pub const MODEL: &str = "teacher";

/// An endpoint with scripted answers. It ends when this value is dropped.
pub struct Endpoint {
    child: Child,
    pub port: u16,
    folder: TempDir,
}

impl Endpoint {
    /// Starts the endpoint with the labelled `rows`, the `mapping` of scripted answers,
    /// and further arguments; `None` on a machine without Python.
    pub fn start(rows: &[Value], mapping: &Value, args: &[&str]) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        fs::write(folder.path().join("rows.jsonl"), lines).unwrap();
        fs::write(folder.path().join("mapping.json"), mapping.to_string()).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/endpoint/server.py");
        let started = Command::new("python3")
            .arg(script)
            .args(["--rows", "rows.jsonl", "--mapping", "mapping.json"])
            .args(["--log", "requests.jsonl", "--model", MODEL])
            .args(args)
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            skip::skip("python3");
            return None;
        };
        let line = first_line(&mut child);
        let port = line.trim().parse().unwrap();
        Some(Self {
            child,
            port,
            folder,
        })
    }

    /// Statement that creates the model `teacher` of this endpoint. `options` begin with
    /// a comma.
    pub fn create_model(&self, options: &str) -> String {
        let port = self.port;
        format!(
            "CREATE EXTERNAL MODEL {MODEL} TYPE openai LOCATION 'http://127.0.0.1:{port}/v1' \
             OPTIONS (model '{MODEL}', concurrency 8{options})"
        )
    }

    /// A counter of the endpoint.
    pub fn count(&self, name: &str) -> u64 {
        let stats = http::request(self.port, "GET", "/stats", &[], "").json();
        let value = &stats[name];
        value.as_u64().unwrap_or_else(|| panic!("{name}: {stats}"))
    }

    /// Waits until a counter has at least this value.
    pub fn wait_for(&self, name: &str, value: u64) {
        self.wait_while(name, value, || true);
    }

    /// The same while `client` runs, which has to be alive until then.
    pub fn wait_for_client(&self, name: &str, value: u64, client: &mut Child) {
        self.wait_while(name, value, || matches!(client.try_wait(), Ok(None)));
    }

    fn wait_while(&self, name: &str, value: u64, mut is_alive: impl FnMut() -> bool) {
        let deadline = Instant::now() + PROCESS_TIMEOUT;
        while self.count(name) < value {
            assert!(is_alive(), "the client ended while {name} is under {value}");
            assert!(Instant::now() < deadline, "{name} remains under {value}");
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// The requests so far, with `method`, `path`, `headers` and `body`.
    pub fn requests(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("requests.jsonl"));
        let text = text.unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// First line of a child's standard output. Kills a process that misses the deadline.
fn first_line(child: &mut Child) -> String {
    let stdout = child.stdout.take().unwrap();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let _ = sender.send(line);
    });
    receiver.recv_timeout(PROCESS_TIMEOUT).unwrap_or_else(|_| {
        let _ = child.kill();
        panic!("the endpoint has no port within {PROCESS_TIMEOUT:?}")
    })
}
