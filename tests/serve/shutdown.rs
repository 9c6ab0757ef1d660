//! Shutdown of the server by a signal.

use std::path::Path;
use std::process::{Child, Stdio};

use super::queries::ENDLESS_COPY;
use super::server::{Server, for_psql, shop, signal};
use super::wait::wait_until;
use super::wire::{QUERY_CANCELED, WireClient};
use crate::cli::{Done, names};
use crate::support::process;

/// Starts a psql that runs `sql` and shows SQLSTATEs.
fn psql_running(server: &Server, sql: &str) -> Child {
    server
        .psql("")
        .args(["-v", "VERBOSITY=verbose", "-c", sql])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Whether the folder has a new file.
fn is_writing(folder: &Path, before: &[String]) -> bool {
    names(folder) != before
}

#[test]
fn a_terminated_server_cancels_writes_and_leaves_no_partial_file() {
    let Some((folder, mut server)) = for_psql(&["--allow-writes", "--shutdown-timeout", "300ms"])
    else {
        return;
    };
    let before = names(folder.path());
    let psql = psql_running(&server, ENDLESS_COPY);
    wait_until("COPY writes", || is_writing(folder.path(), &before));
    let mut idle = WireClient::connect(server.port);
    signal(&server.child, "TERM");
    let done = Done::from(process::wait(psql));
    assert!(
        done.err.contains("57P01") || done.err.contains(QUERY_CANCELED),
        "{}",
        done.err
    );
    assert_eq!(server.exit_code(), Some(0));
    assert_eq!(names(folder.path()), before);
    let response = idle.response().unwrap();
    assert_eq!(response.error_code(), "57P01");
}

#[test]
fn a_terminated_server_finishes_running_statements() {
    let Some((folder, mut server)) = for_psql(&["--allow-writes", "--shutdown-timeout", "1m"])
    else {
        return;
    };
    let before = names(folder.path());
    let copy = "COPY (SELECT value, repeat('x', 50) AS text FROM generate_series(1, 2000000)) TO 'big.csv'";
    let psql = psql_running(&server, copy);
    wait_until("COPY writes", || is_writing(folder.path(), &before));
    signal(&server.child, "TERM");
    let done = Done::from(process::wait(psql));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(server.exit_code(), Some(0));
    let mut after = before;
    after.push("big.csv".to_string());
    after.sort();
    assert_eq!(names(folder.path()), after);
    let written = std::fs::read(folder.path().join("big.csv")).unwrap();
    let lines = written.iter().filter(|byte| **byte == b'\n').count();
    // One of them is the header.
    assert_eq!(lines, 2_000_001);
}

#[test]
fn a_terminated_server_without_work_ends_at_once() {
    let folder = shop();
    let mut server = Server::start(folder.path(), &["--shutdown-timeout", "1h"]);
    let mut idle = WireClient::connect(server.port);
    signal(&server.child, "TERM");
    assert_eq!(server.exit_code(), Some(0));
    let response = idle.response().unwrap();
    assert_eq!(response.error_code(), "57P01");
}

#[test]
fn ctrl_c_ends_the_server() {
    let folder = shop();
    let mut server = Server::start(folder.path(), &[]);
    signal(&server.child, "INT");
    assert_eq!(server.exit_code(), Some(0));
}
