//! The examples of `docs/delta.md`.

use std::fs;
use std::path::Path;

use crate::program::{done, program, succeed};

#[test]
fn the_examples_of_the_documentation_run() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/delta.md");
    let page = fs::read_to_string(page).unwrap();
    let blocks = page.split("```sql delta\n").skip(1);
    let examples: Vec<&str> = blocks
        .map(|block| block.split("```").next().unwrap())
        .collect();
    assert!(examples.len() > 3);
    let folder = tempfile::tempdir().unwrap();
    succeed(
        folder.path(),
        "COPY (SELECT * FROM (VALUES ('a', 'Tea pot', 'for tea'), ('b', 'Running shoes', 'red'))
               AS t(docid, title, text)) TO 'offers.parquet'",
    );
    fs::write(folder.path().join("page.sql"), examples.join("\n")).unwrap();
    let mut command = program(folder.path());
    let done = done(command.args([
        "--set",
        "ai.model=deterministic",
        "--format",
        "json",
        "-f",
        "page.sql",
    ]));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("\"offers\":3"), "{}", done.out);
}
