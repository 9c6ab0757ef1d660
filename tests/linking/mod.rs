//! The example that links the library, as a process.

use std::path::Path;
use std::process::{Command, Output};

use crate::support::process;

/// Runs the example, which `cargo test --workspace` builds beside the program.
fn linking(args: &[&str]) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_semql"));
    let name = format!("examples/linking{}", std::env::consts::EXE_SUFFIX);
    let example = program.with_file_name(name);
    assert!(
        example.exists(),
        "no {}; `cargo test --release --workspace` builds it",
        example.display()
    );
    let mut command = Command::new(&example);
    process::output(
        command
            .args(args)
            .env("SEMQL_HOME", semql_udfs::models::home()),
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_example_runs_without_a_model() {
    let done = linking(&[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert!(text(&done.stdout).contains("offers"));
}

#[test]
fn the_example_runs_the_default_model() {
    let done = linking(&["all-minilm-l6-v2"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let out = text(&done.stdout);
    for category in ["Office", "Sports", "Electronics, Computers"] {
        assert!(out.contains(category), "{category} is not in {out}");
    }
    assert!(out.contains("The model ran on "), "{out}");
}

#[test]
fn the_example_names_a_missing_model() {
    let done = linking(&["no-such-model"]);
    assert_eq!(done.status.code(), Some(3), "{}", text(&done.stderr));
    assert!(text(&done.stderr).contains("no-such-model"));
}
