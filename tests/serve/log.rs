//! Log of the server.

use std::path::Path;

use super::server::{Server, passwords, shop, there_is};
use super::wait::wait_until;
use super::wire::WireClient;
use crate::support::process;

/// User name that would begin a line of the log.
const FORGED_USER: &str = "eve\nforged line";

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("serve.log")).unwrap()
}

#[test]
fn the_log_has_statements_without_their_texts() {
    let folder = shop();
    let server = Server::start(folder.path(), &[]);
    let mut client = WireClient::connect(server.port);
    let read = client
        .simple("SELECT 'canary text', title FROM shop")
        .unwrap();
    assert!(read.errors.is_empty(), "{}", read.text());
    let write = client
        .simple("CREATE TABLE canary_text AS SELECT 1 AS a")
        .unwrap();
    assert_eq!(write.error_code(), "25006");
    let wrong = client.simple("SELECT canary_text FROM shop").unwrap();
    assert_eq!(wrong.error_code(), "42703");
    let prepared = client.extended("SELECT 'canary text'", &[], 0).unwrap();
    assert!(prepared.errors.is_empty(), "{}", prepared.text());
    drop(client);
    // The server may also refuse the name.
    let _ = WireClient::connect_with(server.port, &[("user", FORGED_USER)]);
    wait_until("the log has both errors", || {
        let log = log(folder.path());
        log.contains("25006") && log.contains("42703")
    });
    let log = log(folder.path());
    for part in ["ada", "connection"] {
        assert!(log.contains(part), "no {part}: {log}");
    }
    assert!(log.to_lowercase().contains("select"), "{log}");
    assert!(!log.contains("canary"), "{log}");
    assert!(!log.lines().any(|line| line.starts_with("forged")), "{log}");
}

#[test]
fn log_statements_adds_their_texts() {
    let folder = shop();
    let server = Server::start(folder.path(), &["--log-statements"]);
    let mut client = WireClient::connect(server.port);
    client.simple("SELECT 'first canary'").unwrap();
    client.extended("SELECT 'second canary'", &[], 0).unwrap();
    wait_until("the log has both texts", || {
        let log = log(folder.path());
        log.contains("first canary") && log.contains("second canary")
    });
}

#[test]
fn the_log_has_refused_connections() {
    if !there_is("psql") {
        return;
    }
    let folder = shop();
    let users = passwords(folder.path(), "ada:difference:engine\n");
    let server = Server::start(folder.path(), &["--password-file", &users]);
    let mut psql = server.psql("");
    psql.args(["-c", "SELECT 1"])
        .env("PGUSER", "eve")
        .env("PGPASSWORD", "canary");
    let refused = process::output(&mut psql);
    assert_eq!(refused.status.code(), Some(2));
    wait_until("the log has the user", || {
        log(folder.path()).contains("eve")
    });
    let log = log(folder.path());
    assert!(!log.contains("canary") && !log.contains("engine"), "{log}");
}
