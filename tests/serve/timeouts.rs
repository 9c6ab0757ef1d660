//! Timeouts of statements and of idle connections.

use super::queries::{ENDLESS, ENDLESS_INFERENCE, ENDLESS_ROWS};
use super::server::{Server, for_psql, shop};
use super::wire::{QUERY_CANCELED, USER_ADA, WireClient};
use crate::cli::Done;
use crate::support::process;

/// Verifies that a statement is cancelled and that its connection works after.
fn verify_timeout(client: &mut WireClient, sql: &str) {
    let response = client.simple(sql).unwrap();
    assert_eq!(response.error_code(), QUERY_CANCELED, "{sql}");
    let response = client.extended(sql, &[], 0).unwrap();
    assert_eq!(response.error_code(), QUERY_CANCELED, "{sql}");
    assert_eq!(client.simple("SELECT 'on'").unwrap().table(), "on");
}

#[test]
fn the_statement_timeout_of_the_server_cancels_statements() {
    let folder = shop();
    let server = Server::start(folder.path(), &["--statement-timeout", "300ms"]);
    let mut client = WireClient::connect(server.port);
    for sql in [ENDLESS, ENDLESS_INFERENCE, ENDLESS_ROWS] {
        verify_timeout(&mut client, sql);
    }
    let fetch = format!("BEGIN; DECLARE c CURSOR FOR {ENDLESS}; FETCH ALL FROM c");
    let response = client.simple(&fetch).unwrap();
    assert_eq!(response.error_code(), QUERY_CANCELED);
}

#[test]
fn clients_set_a_statement_timeout() {
    let folder = shop();
    let server = Server::start(folder.path(), &[]);
    for set in [
        "SET statement_timeout = 200",
        "SET statement_timeout = '200ms'",
        "SET statement_timeout TO '0.2s'",
        "set session STATEMENT_TIMEOUT to 200",
    ] {
        let mut client = WireClient::connect(server.port);
        let response = client.simple(set).unwrap();
        assert!(response.errors.is_empty(), "{set}: {}", response.text());
        verify_timeout(&mut client, ENDLESS);
        let shown = client.simple("SHOW statement_timeout").unwrap();
        assert_eq!(shown.table(), "200ms", "{set}");
    }
    for options in [
        "-c statement_timeout=200",
        "-c statement_timeout=200ms",
        "--statement_timeout=200",
    ] {
        let parameters = [USER_ADA.as_slice(), &[("options", options)]].concat();
        let mut client = WireClient::connect_with(server.port, &parameters).unwrap();
        verify_timeout(&mut client, ENDLESS);
    }
    let mut client = WireClient::connect(server.port);
    for wrong in ["'soon'", "-1", "'5 parsecs'"] {
        let response = client.simple(&format!("SET statement_timeout = {wrong}"));
        let response = response.unwrap();
        assert_eq!(response.error_code(), "22023", "{wrong}");
    }
}

#[test]
fn psql_options_set_a_statement_timeout() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    let mut psql = server.psql("");
    psql.env("PGOPTIONS", "-c statement_timeout=200").args([
        "-v",
        "VERBOSITY=verbose",
        "-c",
        ENDLESS,
    ]);
    let done = Done::from(process::output(&mut psql));
    assert!(done.err.contains(QUERY_CANCELED), "{}", done.err);
}

#[test]
fn idle_connections_end_and_busy_ones_do_not() {
    let folder = shop();
    let options = ["--idle-timeout", "300ms", "--statement-timeout", "1s"];
    let server = Server::start(folder.path(), &options);
    let mut busy = WireClient::connect(server.port);
    // The statement takes longer than the idle timeout.
    let response = busy.simple(ENDLESS).unwrap();
    assert_eq!(response.error_code(), QUERY_CANCELED);
    let mut idle = WireClient::connect(server.port);
    let response = idle.response().unwrap();
    assert_eq!(response.status, None, "{}", response.text());
    assert_eq!(
        response.errors.first().map(|error| error.severity.as_str()),
        Some("FATAL")
    );
}
