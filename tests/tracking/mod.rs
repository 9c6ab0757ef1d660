//! Runs of `CREATE MODEL`: on this machine, and at a tracking server.

mod local;
mod mlflow;
mod mlflow_server;
mod policy;
mod refused;
mod tcp_server;

use std::path::Path;
use std::process::Command;

use crate::cli::{Done, program};
use crate::support::process;

/// Query of labelled rows: kinds of things, in words that tell them apart. Some labels are
/// wrong, so that the figures differ.
const ROWS: &str = "SELECT
    ['shoe', 'boot', 'sandal', 'novel', 'atlas', 'diary'][value % 6 + 1] || ' number ' || value AS title,
    CASE value % 17 WHEN 0 THEN 'wear' ELSE ['wear', 'wear', 'wear', 'read', 'read', 'read'][value % 6 + 1] END AS kind
    FROM generate_series(1, 120)";

/// Statement that trains the classifier `kinds`; `options` are those of tracking.
fn train(options: &str) -> String {
    format!(
        "CREATE OR REPLACE MODEL kinds FROM ({ROWS}) PREDICT kind OPTIONS (cost 2, features 'ngrams'{options})"
    )
}

/// The program in `folder`, which is also its home, about to run `sql`.
fn command(folder: &Path, sql: &str) -> Command {
    let mut command = program(folder);
    command
        .env("SEMQL_HOME", folder.join("home"))
        .env("NO_PROXY", "127.0.0.1")
        .env_remove("MLFLOW_TRACKING_TOKEN")
        .env_remove("MLFLOW_TRACKING_USERNAME")
        .env_remove("MLFLOW_TRACKING_PASSWORD")
        .env_remove("MLFLOW_HTTP_REQUEST_TIMEOUT")
        .args(["--format", "csv", "-c", sql]);
    command
}

fn run(folder: &Path, sql: &str) -> Done {
    process::output(&mut command(folder, sql)).into()
}

/// Output of statements that succeed.
fn ask(folder: &Path, sql: &str) -> String {
    let done = run(folder, sql);
    assert_eq!(done.code, Some(0), "{sql}: {}", done.err);
    done.out
}
