//! Ctrl-C, and readers that close standard output.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::{Done, names, program_with_models, shop};
use crate::support::process::{self, PROCESS_TIMEOUT};

/// Pause between two looks at the cache.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Query that does not end within a test.
const ENDLESS_QUERY: &str =
    "SELECT count(*) FROM generate_series(1, 1000000000000) AS a WHERE value % 7 = 8";

/// Starts the program with `sql`, and waits until it is about to run.
fn start(folder: &Path, args: &[&str], sql: &str) -> (Child, BufReader<ChildStdout>) {
    let mut child = program_with_models(folder)
        .args(args)
        .args(["--format", "csv", "-c", "\\! echo ready", "-c", sql])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let (line, stdout) = next_line(&mut child, stdout);
    assert_eq!(line, "ready\n");
    (child, stdout)
}

/// Next line of standard output. Kills a process that misses the deadline.
pub fn next_line(
    child: &mut Child,
    mut stdout: BufReader<ChildStdout>,
) -> (String, BufReader<ChildStdout>) {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let _ = sender.send((line, stdout));
    });
    receiver.recv_timeout(PROCESS_TIMEOUT).unwrap_or_else(|_| {
        let _ = child.kill();
        panic!("no line of output within {PROCESS_TIMEOUT:?}")
    })
}

/// Interrupts the process and waits for its end.
pub fn interrupt(child: Child) -> Done {
    let mut kill = Command::new("kill");
    let sent = process::output(kill.args(["-INT", &child.id().to_string()]));
    assert!(sent.status.success());
    process::wait(child).into()
}

#[test]
fn an_interrupted_run_ends_with_130_and_writes_nothing() {
    let folder = shop();
    let (child, mut stdout) = start(folder.path(), &["-o", "out.csv"], ENDLESS_QUERY);
    let done = interrupt(child);
    assert_eq!(done.code, Some(130), "{}", done.err);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert_eq!(names(folder.path()), ["shop.csv"]);
}

#[test]
fn an_interrupted_copy_leaves_no_files() {
    let folder = shop();
    let copy = "COPY (SELECT value FROM generate_series(1, 1000000000000) WHERE value % 1000 = 1) TO 'big.parquet'";
    let (child, _stdout) = start(folder.path(), &[], copy);
    let done = interrupt(child);
    assert_eq!(done.code, Some(130), "{}", done.err);
    assert_eq!(names(folder.path()), ["shop.csv"]);
}

#[test]
fn an_interrupt_ends_inference_and_its_copy_leaves_no_files() {
    let folder = shop();
    // Takes hours unless the interrupt ends it.
    let copy = "COPY (SELECT embed(concat('text ', value, repeat(' of words', 60))) AS v FROM generate_series(1, 5000000)) TO 'v.parquet'";
    let (mut child, _stdout) = start(folder.path(), &["--set", "ai.cache=kept"], copy);
    // Inference runs once its cache has vectors.
    let log = folder.path().join("kept/semql-cache.sqlite-wal");
    let deadline = Instant::now() + PROCESS_TIMEOUT;
    while std::fs::metadata(&log).map_or(0, |file| file.len()) < 100_000 {
        assert_eq!(child.try_wait().unwrap(), None, "the program ended early");
        if Instant::now() > deadline {
            let _ = child.kill();
            panic!("no vectors in the cache within {PROCESS_TIMEOUT:?}");
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    let done = interrupt(child);
    assert_eq!(done.code, Some(130), "{}", done.err);
    // The telemetry of ONNX Runtime leaves no files in the home folder either.
    assert_eq!(names(folder.path()), ["kept", "shop.csv"]);
}

#[test]
fn a_reader_that_closes_the_output_is_not_an_error() {
    let folder = shop();
    let sql = "SELECT value FROM generate_series(1, 20000000)";
    let (mut child, stdout) = start(folder.path(), &[], sql);
    let (line, stdout) = next_line(&mut child, stdout);
    assert_eq!(line, "value\n");
    drop(stdout);
    let done = Done::from(process::wait(child));
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
}
