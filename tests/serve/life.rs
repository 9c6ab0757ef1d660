//! Life of the process: timeouts, shutdown, metrics, log, connection slots and
//! memory.

use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::canary::{port_of, start};
use super::server::{Server, for_psql, passwords, serve, shop, signal, there_is};
use super::wire::{USER_ADA, WireClient, WireResponse, startup, wait_until};
use crate::cli::{Done, names};
use crate::http;

/// Endless for all that a test can wait for; rows come, but none to the client.
const ENDLESS: &str = "SELECT value FROM generate_series(1, 1000000000000) WHERE value % 7 = 8";

/// The same with inference.
const ENDLESS_INFERENCE: &str =
    "SELECT count(embed('text ' || value)) FROM generate_series(1, 1000000000000)";

/// The same with rows for the client.
const ENDLESS_ROWS: &str = "COPY (SELECT * FROM generate_series(1, 1000000000000)) TO STDOUT";

/// A write that does not end.
const ENDLESS_COPY: &str =
    "COPY (SELECT value FROM generate_series(1, 1000000000000)) TO 'big.parquet'";

const QUERY_CANCELED: &str = "57014";

/// Rows that the memory test fetches, unless `SEMQL_MEMORY_ROWS` has another
/// number.
const DEFAULT_MEMORY_ROWS: usize = 2_000_000;

/// Rows between two measurements of memory.
const ROWS_PER_MEASUREMENT: usize = 20_000;

/// KiB by which the server may grow while a client fetches rows.
const MAX_GROWTH_KIB: u64 = 50 * 1024;

/// Longest wait for the server to ask for a password.
const GREETING_TIMEOUT: Duration = Duration::from_secs(20);

fn code(response: &WireResponse) -> &str {
    response.code().unwrap_or("no error")
}

/// Verifies that a statement is stopped and that its connection goes on.
fn times_out(client: &mut WireClient, sql: &str) {
    let response = client.simple(sql).unwrap();
    assert_eq!(
        code(&response),
        QUERY_CANCELED,
        "{sql}: {}",
        response.text()
    );
    let response = client.extended(sql, &[], 0).unwrap();
    assert_eq!(
        code(&response),
        QUERY_CANCELED,
        "{sql}: {}",
        response.text()
    );
    assert_eq!(client.simple("SELECT 'on'").unwrap().table(), "on");
}

#[test]
fn the_statement_timeout_of_the_server_stops_statements() {
    let folder = shop();
    let server = Server::start(folder.path(), &["--statement-timeout", "300ms"]);
    let mut client = WireClient::connect(server.port);
    for sql in [ENDLESS, ENDLESS_INFERENCE, ENDLESS_ROWS] {
        times_out(&mut client, sql);
    }
    let fetch = format!("BEGIN; DECLARE c CURSOR FOR {ENDLESS}; FETCH ALL FROM c");
    let response = client.simple(&fetch).unwrap();
    assert_eq!(code(&response), QUERY_CANCELED, "{}", response.text());
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
        times_out(&mut client, ENDLESS);
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
        times_out(&mut client, ENDLESS);
    }
    let mut client = WireClient::connect(server.port);
    for wrong in ["'soon'", "-1", "'5 parsecs'"] {
        let response = client.simple(&format!("SET statement_timeout = {wrong}"));
        let response = response.unwrap();
        assert_eq!(code(&response), "22023", "{wrong}: {}", response.text());
    }
}

#[test]
fn psql_options_set_a_statement_timeout() {
    let Some((_folder, server)) = for_psql(&[]) else {
        return;
    };
    let done = server
        .psql("")
        .env("PGOPTIONS", "-c statement_timeout=200")
        .args(["-v", "VERBOSITY=verbose", "-c", ENDLESS])
        .output()
        .unwrap();
    let done = Done::from(done);
    assert!(done.err.contains(QUERY_CANCELED), "{}", done.err);
}

#[test]
fn idle_connections_end_and_busy_ones_do_not() {
    let folder = shop();
    let options = ["--idle-timeout", "300ms", "--statement-timeout", "1s"];
    let server = Server::start(folder.path(), &options);
    let mut busy = WireClient::connect(server.port);
    // Its statement runs for longer than a connection may be idle.
    let response = busy.simple(ENDLESS).unwrap();
    assert_eq!(code(&response), QUERY_CANCELED, "{}", response.text());
    let mut idle = WireClient::connect(server.port);
    let response = idle.response().unwrap();
    assert_eq!(response.status, None, "{}", response.text());
    assert_eq!(
        response.errors.first().map(|error| error.severity.as_str()),
        Some("FATAL")
    );
}

/// A psql that runs `sql` and shows SQLSTATEs.
fn psql_running(server: &Server, sql: &str) -> Child {
    server
        .psql("")
        .args(["-v", "VERBOSITY=verbose", "-c", sql])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn finished(psql: Child) -> Done {
    psql.wait_with_output().unwrap().into()
}

/// Waits for the end of the server.
fn exit_code(server: &mut Server) -> Option<i32> {
    let mut status = None;
    wait_until("the server ends", || {
        status = server.child.try_wait().unwrap();
        status.is_some()
    });
    status.and_then(|status| status.code())
}

/// Whether a file has been started in the folder.
fn is_writing(folder: &Path, before: &[String]) -> bool {
    names(folder) != before
}

#[test]
fn a_terminated_server_stops_writes_and_leaves_no_part_of_a_file() {
    let Some((folder, mut server)) = for_psql(&["--allow-writes", "--shutdown-timeout", "300ms"])
    else {
        return;
    };
    let before = names(folder.path());
    let psql = psql_running(&server, ENDLESS_COPY);
    wait_until("COPY writes", || is_writing(folder.path(), &before));
    let mut idle = WireClient::connect(server.port);
    signal(&server.child, "TERM");
    let done = finished(psql);
    assert!(
        done.err.contains("57P01") || done.err.contains(QUERY_CANCELED),
        "{}",
        done.err
    );
    assert_eq!(exit_code(&mut server), Some(0));
    assert_eq!(names(folder.path()), before);
    let response = idle.response().unwrap();
    assert_eq!(code(&response), "57P01", "{}", response.text());
}

#[test]
fn a_terminated_server_finishes_what_runs() {
    let Some((folder, mut server)) = for_psql(&["--allow-writes", "--shutdown-timeout", "1m"])
    else {
        return;
    };
    let before = names(folder.path());
    let copy = "COPY (SELECT value, repeat('x', 50) AS text FROM generate_series(1, 2000000)) TO 'big.csv'";
    let psql = psql_running(&server, copy);
    wait_until("COPY writes", || is_writing(folder.path(), &before));
    signal(&server.child, "TERM");
    let done = finished(psql);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(exit_code(&mut server), Some(0));
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
    assert_eq!(exit_code(&mut server), Some(0));
    let response = idle.response().unwrap();
    assert_eq!(code(&response), "57P01", "{}", response.text());
}

/// A server with metrics, and their port.
fn with_metrics(folder: &Path) -> (Server, u16) {
    let options = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    let (server, mut out) = start(serve(folder, &options), &folder.join("serve.log"));
    let mut url = String::new();
    out.read_line(&mut url).unwrap();
    assert!(url.trim().ends_with("/metrics"), "{url}");
    let port = port_of(&url).unwrap_or_else(|| panic!("no port: {url}"));
    (server, port)
}

/// Name, labels and value of each sample.
fn samples(text: &str) -> Vec<(String, f64)> {
    let lines = text.lines().filter(|line| !line.is_empty());
    let lines = lines.filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (name, value) = line
            .rsplit_once(' ')
            .unwrap_or_else(|| panic!("no sample: {line}"));
        let value = value.parse().unwrap_or_else(|e| panic!("{e}: {line}"));
        (name.to_string(), value)
    });
    samples.collect()
}

fn metrics(port: u16) -> Vec<(String, f64)> {
    let answer = http::request(port, "GET", "/metrics", &[], "");
    assert_eq!(answer.status, 200);
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert!(answer.body.contains("# TYPE semql_"), "{}", answer.body);
    samples(&answer.body)
}

/// Sum of the samples whose name contains `part`.
fn sum(samples: &[(String, f64)], part: &str) -> f64 {
    let fitting = samples.iter().filter(|(name, _)| name.contains(part));
    fitting.map(|(_, value)| value).sum()
}

#[test]
fn health_and_metrics_are_served() {
    let folder = shop();
    let (server, port) = with_metrics(folder.path());
    let health = http::request(port, "GET", "/health", &[], "");
    assert_eq!((health.status, health.body.trim()), (200, "ok"));
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/metrics/../etc/passwd"),
        ("POST", "/metrics"),
    ] {
        let answer = http::request(port, method, path, &[], "");
        assert!(answer.status >= 400, "{method} {path}: {}", answer.status);
    }
    let before = metrics(port);
    for (name, _) in &before {
        assert!(name.starts_with("semql_"), "{name}");
    }
    for part in [
        "connections",
        "statements",
        "texts",
        "tokens",
        "queue",
        "memory",
    ] {
        assert!(
            before.iter().any(|(name, _)| name.contains(part)),
            "no metric of {part}: {before:?}"
        );
    }
    let mut client = WireClient::connect(server.port);
    for sql in ["SELECT 1", "SELECT embed('a text')", "SELECT nothing"] {
        client.simple(sql).unwrap();
    }
    let after = metrics(port);
    assert!(
        sum(&after, "statements") >= sum(&before, "statements") + 3.0,
        "{after:?}"
    );
    assert!(sum(&after, "texts") > sum(&before, "texts"), "{after:?}");
    // Rubbish on this port does no harm.
    for rubbish in [b"\0\x01\xff".as_slice(), b"GET\r\n\r\n", &[b'a'; 100_000]] {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        // The server may have closed the connection by now.
        let _ = stream.write_all(rubbish);
    }
    assert_eq!(http::request(port, "GET", "/health", &[], "").status, 200);
}

/// A user name that would begin a line of the log.
const FORGED: &str = "eve\nforged line";

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
    assert_eq!(code(&write), "25006");
    let wrong = client.simple("SELECT canary_text FROM shop").unwrap();
    assert_eq!(code(&wrong), "42703");
    let prepared = client.extended("SELECT 'canary text'", &[], 0).unwrap();
    assert!(prepared.errors.is_empty(), "{}", prepared.text());
    drop(client);
    // A connection with such a name may be refused as well.
    let _ = WireClient::connect_with(server.port, &[("user", FORGED)]);
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
fn the_log_has_texts_where_they_are_asked_for() {
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
    let refused = server
        .psql("")
        .args(["-c", "SELECT 1"])
        .env("PGUSER", "eve")
        .env("PGPASSWORD", "canary")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    wait_until("the log has the user", || {
        log(folder.path()).contains("eve")
    });
    let log = log(folder.path());
    assert!(!log.contains("canary") && !log.contains("engine"), "{log}");
}

#[test]
fn unauthenticated_connections_take_no_slots() {
    if !there_is("psql") {
        return;
    }
    let folder = shop();
    let users = passwords(folder.path(), "ada:difference:engine\n");
    let server = Server::start(
        folder.path(),
        &["--password-file", &users, "--max-connections", "1"],
    );
    let connect = || TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let silent = [connect(), connect()];
    let mut greeting = [connect(), connect()];
    for stream in &mut greeting {
        stream.write_all(&startup(&USER_ADA)).unwrap();
        // The server asks for the password.
        stream.set_read_timeout(Some(GREETING_TIMEOUT)).unwrap();
        let mut kind = [0];
        stream.read_exact(&mut kind).unwrap();
        assert_eq!(kind, [b'R']);
    }
    let mut psql = server.psql("");
    psql.args(["--tuples-only", "-c", "SELECT 'in'"])
        .env("PGPASSWORD", "difference:engine");
    let done = Done::from(psql.output().unwrap());
    assert_eq!(done.out, "in\n", "{}", done.err);
    drop((silent, greeting));
}

#[test]
fn memory_is_limited_by_default() {
    let folder = shop();
    let server = Server::start(folder.path(), &[]);
    let mut client = WireClient::connect(server.port);
    let shown = client.simple("SHOW datafusion.runtime.memory_limit");
    let shown = shown.unwrap().text();
    let log = log(folder.path());
    let has_size =
        |line: &str| line.contains("memory") && line.contains(|c: char| c.is_ascii_digit());
    assert!(
        log.lines().any(has_size) || has_size(&shown) && !shown.contains("unlimited"),
        "{shown}: {log}"
    );
}

/// Resident memory of a process in KiB; `None` where there is no `/proc`.
fn resident_kib(server: &Server) -> Option<u64> {
    let path = format!("/proc/{}/status", server.child.id());
    let status = std::fs::read_to_string(path).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fetches all rows of a series and gives the largest resident memory.
fn fetch(server: &Server, rows: usize, max_rows: u32) -> u64 {
    let mut client = WireClient::connect(server.port);
    client.simple("BEGIN").unwrap();
    let sql = format!("SELECT value, repeat('x', 100) AS text FROM generate_series(1, {rows})");
    client.parse(&sql, &[]);
    client.bind(&[]);
    let (mut fetched, mut largest, mut suspended) = (0, 0, true);
    while suspended {
        suspended = false;
        client.execute(max_rows);
        client.sync().unwrap();
        loop {
            let message = client.message().unwrap();
            match message.kind {
                b'D' => fetched += 1,
                b's' => suspended = true,
                b'E' => panic!("{}", String::from_utf8_lossy(&message.body)),
                b'Z' => break,
                _ => continue,
            }
            if fetched % ROWS_PER_MEASUREMENT == 0 {
                largest = largest.max(resident_kib(server).unwrap_or_default());
            }
        }
    }
    assert_eq!(fetched, rows);
    largest
}

#[test]
fn memory_stays_flat_while_rows_are_fetched() {
    let rows = std::env::var("SEMQL_MEMORY_ROWS").ok();
    let rows = rows.and_then(|rows| rows.parse().ok());
    let rows = rows.unwrap_or(DEFAULT_MEMORY_ROWS);
    let folder = shop();
    let server = Server::start(folder.path(), &[]);
    if resident_kib(&server).is_none() {
        println!("skipped: there is no /proc");
        return;
    }
    // The first rows start threads and fill caches.
    let before = fetch(&server, rows / 20, 0).max(fetch(&server, rows / 20, 1000));
    for max_rows in [0, 1000] {
        let largest = fetch(&server, rows, max_rows);
        let growth = largest.saturating_sub(before);
        println!("{rows} rows, {max_rows} at a time: {growth} KiB above {before} KiB");
        assert!(
            growth <= MAX_GROWTH_KIB,
            "{max_rows} at a time: {growth} KiB"
        );
    }
}
