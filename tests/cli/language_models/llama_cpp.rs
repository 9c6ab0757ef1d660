//! A real language model behind llama.cpp's server: protocol, schemas, cancellation and
//! cost. Its answers are those of a very small model.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::interrupt::interrupt;
use super::super::{Done, program};
use super::lines;
use crate::support::http;
use crate::support::process::{self, PROCESS_TIMEOUT};
use crate::support::skip::skip;

/// Need of these tests, in `tests/support/skip.rs`. `make llama` installs it.
const NEED: &str = "llama-server";

/// Pause between two looks at the server.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The server of `scripts/llama_server.py`. It ends when this value is dropped.
struct Llama {
    child: Child,
    port: u16,
}

impl Llama {
    /// Starts the server on a free port; `None` where it is not installed.
    fn start() -> Option<Self> {
        let folder = llama_folder()?;
        let mut child = Command::new(folder.join("llama-server"))
            .arg("--model")
            .arg(folder.join("model.gguf"))
            .args(["--host", "127.0.0.1", "--port", "0", "--alias", "smollm2"])
            .args(["--ctx-size", "4096", "--parallel", "2"])
            // Threads that wait for each other are slow beside other tests.
            .args(["--threads", "1"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        match process::logged_port(&mut child, port_of_log) {
            Ok(port) => Some(Self { child, port }),
            Err(log) => {
                let _ = child.kill();
                panic!("llama-server has no port: {log}");
            }
        }
    }

    /// The program with the model `llm`, about to run `sql`.
    fn command(&self, folder: &Path, sql: &str) -> Command {
        let create = format!(
            "CREATE EXTERNAL MODEL llm TYPE openai LOCATION 'http://127.0.0.1:{}/v1' \
             OPTIONS (model 'smollm2', concurrency 2, timeout '300s')",
            self.port
        );
        let mut command = program(folder);
        command
            .env("NO_PROXY", "127.0.0.1")
            .args(["--format", "csv", "-c", &create, "-c", sql]);
        command
    }

    fn run(&self, folder: &Path, sql: &str) -> Done {
        process::output(&mut self.command(folder, sql)).into()
    }

    /// Waits until a slot of the server is busy, or none is, while `is_alive` holds.
    fn wait_for(&self, busy: bool, mut is_alive: impl FnMut() -> bool) {
        let deadline = Instant::now() + PROCESS_TIMEOUT;
        loop {
            let slots = http::request(self.port, "GET", "/slots", &[], "").json();
            let slots = slots.as_array().expect("slots");
            if slots.iter().any(|slot| slot["is_processing"] == true) == busy {
                return;
            }
            assert!(is_alive(), "the client ended");
            assert!(Instant::now() < deadline, "busy: {}", !busy);
            std::thread::sleep(POLL_INTERVAL);
        }
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Folder of the server and its model; skips the test without them.
fn llama_folder() -> Option<PathBuf> {
    // target/release/deps/main-...
    let program = std::env::current_exe().ok()?;
    let folder = program.ancestors().nth(3)?.join("llama");
    if !folder.join("packages").exists() {
        skip(NEED);
        return None;
    }
    Some(folder)
}

/// Port in the line `... listening on http://127.0.0.1:PORT`.
fn port_of_log(log: &str) -> Option<u16> {
    let (_, rest) = log.rsplit_once("listening on http://127.0.0.1:")?;
    rest.trim_end().parse().ok()
}

/// A folder with five products.
fn products() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("products.csv"),
        "id,title\n1,Nike Air Max running shoes black and red\n2,Bosch blue cordless drill 18 V\n\
         3,Penguin paperback novel\n4,Müller green ceramic tea pot\n5,\n",
    )
    .unwrap();
    folder
}

#[test]
fn a_real_language_model_answers_in_the_form_of_every_function() {
    let Some(llama) = Llama::start() else {
        return;
    };
    let folder = products();
    let sql = "SELECT id, ai_extract(title, ['brand', 'color'], model => 'llm') AS a,
            ai_extract_details(title, ['brand', 'color'], model => 'llm') AS d, title FROM 'products.csv'";
    let done = llama.run(
        folder.path(),
        &format!(
            "CREATE TABLE t AS {sql};
             SELECT count(*) AS rows, count(a) AS answered, count(d['error']) AS failed,
                 bool_and(coalesce(strpos(title, a['brand']) > 0, true) AND coalesce(strpos(title, a['color']) > 0, true)) AS literal
             FROM t"
        ),
    );
    // Row 5 has no text. Every other answer has the form of the schema.
    assert_eq!(
        lines(&done, "rows,answered,failed,literal"),
        ["5,4,0,true"],
        "{}",
        done.err
    );

    let sql = "SELECT count(*) AS rows, count(label) AS labels, count(holds) AS conditions, count(text) AS texts FROM (
        SELECT ai_classify(title, ['shoes', 'tools', 'books', 'kitchen'], model => 'llm') AS label,
            ai_filter(title, 'it is worn on the feet', model => 'llm') AS holds,
            ai_complete('Name one use, in five words: ' || title, model => 'llm',
                schema => '{\"type\": \"object\", \"properties\": {\"use\": {\"type\": \"string\", \"maxLength\": 60}}, \"required\": [\"use\"], \"additionalProperties\": false}') AS text
        FROM 'products.csv')";
    let done = llama.run(folder.path(), sql);
    assert_eq!(
        lines(&done, "rows,labels,conditions,texts"),
        ["5,4,4,4"],
        "{}",
        done.err
    );
}

#[test]
fn the_cost_of_a_real_language_model_is_measured_and_bounded() {
    let Some(llama) = Llama::start() else {
        return;
    };
    let folder = products();
    let sql =
        "SELECT id, ai_filter(title, 'it is a tool', model => 'llm') AS holds FROM 'products.csv'";
    let refused = llama.run(folder.path(), &format!("SET ai.max_calls = 3; {sql}"));
    assert_ne!(refused.code, Some(0), "{}", refused.out);
    let done = llama.run(folder.path(), &format!("EXPLAIN ANALYZE {sql}"));
    assert_eq!(done.code, Some(0), "{}", done.err);
    // Tokens as the server counts them.
    for part in [
        "calls=4",
        "failed_rows=0",
        "prompt_tokens=",
        "completion_tokens=",
    ] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    assert!(!done.out.contains("completion_tokens=0"), "{}", done.out);
}

#[test]
fn an_interrupt_ends_the_calls_of_a_real_language_model() {
    let Some(llama) = Llama::start() else {
        return;
    };
    let folder = products();
    let sql = "SELECT count(ai_complete(concat('Write a long story about number ', value), model => 'llm'))
        FROM generate_series(1, 10000)";
    let mut child = llama
        .command(folder.path(), sql)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    llama.wait_for(true, || matches!(child.try_wait(), Ok(None)));
    let done = interrupt(child);
    assert_eq!(done.code, Some(130), "{}", done.err);
    // The server computes no answers that no client reads.
    llama.wait_for(false, || true);
}
