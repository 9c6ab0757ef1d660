//! `\review`: rows labelled by hand, one key each.

use std::path::Path;

use super::{Done, semql, semql_reading, shop};

fn review(folder: &Path, keys: &str) -> Done {
    let args = ["--set", "ai.model=deterministic", "-c", "\\review shop.csv"];
    semql_reading(folder, &args, keys)
}

#[test]
fn answers_are_a_table_for_training() {
    let folder = shop();
    let folder = folder.path();
    // A label, a label that is undone and replaced, an unknown key, and the
    // predicted label.
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
    // Answered rows are not shown again.
    let done = review(folder, "1\n");
    assert!(done.err.contains("are answered already"), "{}", done.err);
}

#[test]
fn a_review_can_be_continued() {
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
fn invalid_reviews_are_errors() {
    let folder = shop();
    let folder = folder.path();
    std::fs::write(folder.join("numbers.csv"), "a,b\n1,2\n").unwrap();
    for (command, expected) in [
        ("\\review", "takes a table"),
        ("\\review nothing", "nothing"),
        ("\\review numbers.csv", "no column title"),
        ("\\review shop.csv numbers.csv", "not an answer of \\review"),
        ("\\review shop.csv a b", "takes a table"),
    ] {
        let done = semql(folder, &["--set", "ai.model=deterministic", "-c", command]);
        assert_ne!(done.code, Some(0), "{command}");
        assert!(done.err.contains(expected), "{command}: {}", done.err);
    }
    assert_eq!(
        std::fs::read_to_string(folder.join("numbers.csv")).unwrap(),
        "a,b\n1,2\n"
    );
}
