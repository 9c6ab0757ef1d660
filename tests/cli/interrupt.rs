//! Ctrl-C and readers that leave.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use super::{names, program_with_models, shop};

/// Runs `sql` behind a line `ready`, and gives the process once it said so.
fn started(
    folder: &std::path::Path,
    args: &[&str],
    sql: &str,
) -> (Child, BufReader<std::process::ChildStdout>) {
    let mut child = program_with_models(folder)
        .args(args)
        .args(["--format", "csv", "-c", "\\! echo ready", "-c", sql])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, out)
}

fn interrupt(child: &Child) {
    let status = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Endless for all that a test can wait for.
const ENDLESS: &str =
    "SELECT count(*) FROM generate_series(1, 1000000000000) AS a WHERE value % 7 = 8";

#[test]
fn an_interrupted_run_ends_with_130_and_writes_nothing() {
    let folder = shop();
    let (mut child, mut out) = started(folder.path(), &["-o", "out.csv"], ENDLESS);
    interrupt(&child);
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status}: {err}");
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert_eq!(names(folder.path()), ["shop.csv"]);
}

#[test]
fn an_interrupted_copy_leaves_nothing() {
    let folder = shop();
    let copy = "COPY (SELECT value FROM generate_series(1, 1000000000000) WHERE value % 1000 = 1) TO 'big.parquet'";
    let (mut child, _out) = started(folder.path(), &[], copy);
    interrupt(&child);
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status}: {err}");
    assert_eq!(names(folder.path()), ["shop.csv"]);
}

#[test]
fn an_interrupt_ends_inference_and_its_copy_leaves_nothing() {
    let folder = shop();
    // Hours of work: the test ends only if the interrupt ends it.
    let copy = "COPY (SELECT embed(concat('text ', value, repeat(' of words', 60))) AS v FROM generate_series(1, 5000000)) TO 'v.parquet'";
    let (mut child, _out) = started(folder.path(), &["--set", "ai.cache=kept"], copy);
    // Until it is in the middle of it: its cache has vectors.
    let log = folder.path().join("kept/semql-cache.sqlite-wal");
    while std::fs::metadata(&log).map_or(0, |file| file.len()) < 100_000 {
        assert_eq!(child.try_wait().unwrap(), None, "it ended too early");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    interrupt(&child);
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status}: {err}");
    // Nor does the runtime's telemetry leave anything at home.
    assert_eq!(names(folder.path()), ["kept", "shop.csv"]);
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = shop();
    let (mut child, mut out) = started(
        folder.path(),
        &[],
        "SELECT value FROM generate_series(1, 20000000)",
    );
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "value\n");
    drop(out);
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}
