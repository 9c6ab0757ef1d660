//! psycopg, asyncpg, pg8000 and SQLAlchemy, in `clients.py`.

use std::process::Command;

use super::clients::python;
use super::server::{Server, shop};
use crate::cli::Done;
use crate::support::process;

/// Runs one part of `clients.py` against a server with these options.
fn run(part: &str, options: &[&str]) {
    let Some(python) = python() else { return };
    let folder = shop();
    let server = Server::start(folder.path(), options);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/serve/clients.py");
    let mut command = Command::new(python);
    command.args(["-B", script, part, &server.port.to_string()]);
    let done = Done::from(process::output(&mut command));
    print!("{}", done.out);
    let log = std::fs::read_to_string(folder.path().join("serve.log")).unwrap();
    assert_eq!(done.code, Some(0), "{part}: {}{}{log}", done.out, done.err);
    assert!(!log.contains("internal error"), "{log}");
}

#[test]
fn parameters_have_types() {
    run("parameters", &[]);
}

#[test]
fn values_have_python_types() {
    run("values", &[]);
}

#[test]
fn text_and_binary_have_the_same_values() {
    run("exact", &[]);
}

#[test]
fn connections_of_a_pool_are_clean() {
    run("pool", &[]);
}

#[test]
fn copies_go_both_ways() {
    run("copies", &["--allow-writes"]);
}

#[test]
fn cursors_and_copies_stream() {
    run("streams", &[]);
}

#[test]
fn sqlalchemy_reads_the_catalogue() {
    run("sqlalchemy", &[]);
}

#[test]
fn cancel_requests_cancel_the_query() {
    run("cancel", &[]);
}

/// Fifty clients at once, for `SEMQL_LOAD_SECONDS` seconds.
#[test]
fn fifty_clients_are_served_at_once() {
    run("load", &[]);
}
