//! The program in a folder.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::process;

/// Output and exit code of a process.
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The program in `folder`, without files of the current user except the models.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_semql-delta"));
    if std::env::var_os("SEMQL_HOME").is_none() {
        let home = std::env::home_dir().unwrap().join(".cache/semql");
        command.env("SEMQL_HOME", home);
    }
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("SEMQLRC")
        .env_remove("SEMQL_HISTORY")
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub fn done(command: &mut Command) -> Done {
    let output = process::output(command);
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs SQL; its rows are JSON.
pub fn run(folder: &Path, sql: &str) -> Done {
    done(program(folder).args(["--format", "json", "-c", sql]))
}

/// Rows of a query that succeeds.
pub fn rows(folder: &Path, sql: &str) -> Vec<Value> {
    let done = run(folder, sql);
    assert_eq!(done.code, Some(0), "{sql}: {}", done.err);
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{sql}: {error}: {}", done.out))
}

/// The only value of the only row of a query that succeeds.
pub fn value(folder: &Path, sql: &str) -> Value {
    let rows = rows(folder, sql);
    let [Value::Object(row)] = rows.as_slice() else {
        panic!("{sql}: {rows:?}");
    };
    assert_eq!(row.len(), 1, "{sql}");
    row.values().next().unwrap().clone()
}

/// Runs statements that succeed, and returns what they print.
pub fn succeed(folder: &Path, sql: &str) -> String {
    let done = run(folder, sql);
    assert_eq!(done.code, Some(0), "{sql}: {}", done.err);
    done.out + &done.err
}

/// The message of a statement that fails, with an error of one line and no panic.
pub fn fail(folder: &Path, sql: &str) -> String {
    let done = run(folder, sql);
    assert!(
        matches!(done.code, Some(1..=3)),
        "{sql}: {:?} {}",
        done.code,
        done.out
    );
    assert!(!done.err.contains("panicked"), "{sql}: {}", done.err);
    assert!(!done.err.contains("internal error"), "{sql}: {}", done.err);
    done.err
}

/// The names in a folder, sorted; none if it does not exist.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
