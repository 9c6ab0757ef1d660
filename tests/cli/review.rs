//! `\review`: rows labelled by hand, one key each.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use super::{Done, program, semql, shop};

fn review(folder: &Path, keys: &str) -> Done {
    let mut child = program(folder)
        .args(["--set", "ai.model=deterministic", "-c", "\\review shop.csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(keys.as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap().into()
}

#[test]
fn answers_go_to_a_table_that_can_be_trained_on() {
    let folder = shop();
    let folder = folder.path();
    // A label, one that is taken back for another, the one that is offered; a
    // key that means nothing.
    let done = review(folder, "1\n2\nu\n3\n!\n\n");
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.err.contains("[1 of 3] margin"), "{}", done.err);
    assert!(
        done.err.contains("3 answers in reviewed.jsonl"),
        "{}",
        done.err
    );
    let rows = semql(
        folder,
        &[
            "--format",
            "csv",
            "-c",
            "SELECT label FROM 'reviewed.jsonl'",
        ],
    );
    let labels: Vec<&str> = rows.out.lines().skip(1).collect();
    assert_eq!(
        labels[..2],
        ["Books", "\"Electronics, Computers\""],
        "{}",
        rows.out
    );
    assert_eq!(labels.len(), 3);
    // Nothing is asked twice.
    let done = review(folder, "1\n");
    assert!(done.err.contains("is answered already"), "{}", done.err);
}

#[test]
fn a_sitting_can_end_and_go_on() {
    let folder = shop();
    let folder = folder.path();
    let done = review(folder, "s\n1\nq\n");
    assert!(
        done.err.contains("1 answer in reviewed.jsonl"),
        "{}",
        done.err
    );
    let done = review(folder, "1\n1\n");
    assert!(done.err.contains("[1 of 2]"), "{}", done.err);
    assert!(done.err.contains("3 answers in"), "{}", done.err);
}

#[test]
fn what_cannot_be_reviewed_is_said() {
    let folder = shop();
    let folder = folder.path();
    std::fs::write(folder.join("numbers.csv"), "a,b\n1,2\n").unwrap();
    for (command, says) in [
        ("\\review", "takes a table"),
        ("\\review nothing", "nothing"),
        ("\\review numbers.csv", "no column title"),
        ("\\review shop.csv numbers.csv", "no answer of \\review"),
        ("\\review shop.csv a b", "takes a table"),
    ] {
        let done = semql(folder, &["--set", "ai.model=deterministic", "-c", command]);
        assert_ne!(done.code, Some(0), "{command}");
        assert!(done.err.contains(says), "{command}: {}", done.err);
    }
    assert_eq!(
        std::fs::read_to_string(folder.join("numbers.csv")).unwrap(),
        "a,b\n1,2\n"
    );
}
