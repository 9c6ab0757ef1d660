//! psycopg and SQLAlchemy, in `clients.py`.

use std::process::Command;

use super::clients::python;
use super::server::{Server, shop};

/// Runs one part of `clients.py` against a server with these options.
fn run(part: &str, options: &[&str]) {
    let Some(python) = python() else { return };
    let folder = shop();
    let server = Server::start(folder.path(), options);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/serve/clients.py");
    let done = Command::new(python)
        .args(["-B", script, part, &server.port.to_string()])
        .env(
            "SEMQL_LOAD_SECONDS",
            std::env::var("SEMQL_LOAD_SECONDS").unwrap_or_default(),
        )
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr),
    );
    print!("{out}");
    let log = std::fs::read_to_string(folder.path().join("serve.log")).unwrap();
    assert!(done.status.success(), "{part}: {out}{err}{log}");
    assert!(!log.contains("internal error"), "{log}");
}

#[test]
fn parameters_have_types() {
    run("parameters", &[]);
}

#[test]
fn values_come_as_python_has_them() {
    run("values", &[]);
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
fn cancelling_stops() {
    run("cancel", &[]);
}

/// Fifty clients at once for as long as `SEMQL_LOAD_SECONDS` says, or a moment.
#[test]
fn fifty_clients_are_all_served() {
    run("load", &[]);
}
