//! PostgreSQL.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::server::PostgresServer;
use super::{check_reads_and_writes, command, fail, has_driver, rows, succeed};
use crate::serve::server::Server;
use crate::support::process;

/// Longest wait for a load to begin.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

#[test]
fn tables_are_read_and_written() {
    if !has_driver("postgresql") {
        return;
    }
    let Some(server) = PostgresServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    check_reads_and_writes(folder.path(), &server.address());
    assert_eq!(
        server.psql("SELECT count(*) FROM offers").as_deref(),
        Some("3")
    );
}

#[test]
fn types_keep_their_values() {
    if !has_driver("postgresql") {
        return;
    }
    let Some(server) = PostgresServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let made = server.psql(
        "CREATE SCHEMA sales; CREATE TABLE sales.\"Odd Name\" (id int, price numeric, code char(4), at timestamptz,
         day date, tags text[], doc jsonb);
         INSERT INTO sales.\"Odd Name\" VALUES (1, 12345.678, 'ab', '2026-11-29 12:00:00+01', '2026-11-29', '{a,b}',
         '{\"k\": 1}'), (2, NULL, NULL, NULL, NULL, NULL, NULL)",
    );
    assert!(made.is_some());
    let table = format!("'{}?table=sales.Odd%20Name'", server.address());
    let all = rows(
        folder.path(),
        &format!(
            "SELECT id, price * 2 AS twice, trim(code) AS code, at = timestamptz '2026-11-29 11:00:00+00' AS noon,
             CAST(day AS text) AS day, array_length(tags) AS tags FROM {table} ORDER BY id"
        ),
    );
    assert_eq!(
        all[0],
        serde_json::json!({"id": 1, "twice": 24691.356, "code": "ab", "noon": true, "day": "2026-11-29", "tags": 2})
    );
    assert_eq!(all[1]["twice"], serde_json::Value::Null);
    // A padded text equals 'ab' there, and not here.
    let padded = rows(
        folder.path(),
        &format!("SELECT count(*) AS n FROM {table} WHERE code = 'ab'"),
    );
    assert_eq!(padded[0]["n"], 0);
    let above = rows(
        folder.path(),
        &format!("SELECT count(*) AS n FROM {table} WHERE price > 12345.6"),
    );
    assert_eq!(above[0]["n"], 1);
}

#[test]
fn categories_and_vectors_go_out() {
    if !has_driver("postgresql") {
        return;
    }
    let Some(server) = PostgresServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    assert!(
        server
            .psql("CREATE TABLE offers (id int, title text); INSERT INTO offers VALUES (1, 'red sneakers'), (2, 'black tea')")
            .is_some()
    );
    let address = server.address();
    succeed(
        folder.path(),
        &format!(
            "COPY (SELECT id, ai_classify(title, ['shoes', 'drinks']) AS category, embed(title) AS vector
                   FROM '{address}?table=offers') TO '{address}' OPTIONS (table 'features')"
        ),
    );
    let written =
        server.psql("SELECT id, category, array_length(vector, 1) FROM features ORDER BY id");
    assert_eq!(written.as_deref(), Some("1|shoes|384\n2|drinks|384"));
}

#[test]
fn a_killed_load_leaves_nothing() {
    if !has_driver("postgresql") {
        return;
    }
    let Some(server) = PostgresServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let address = server.address();
    let mut load = command(folder.path());
    load.args([
        "-c",
        &format!(
            "COPY (SELECT value AS id FROM generate_series(1, 1000000000)) TO '{address}?table=big'"
        ),
    ]);
    let mut child = load
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The load is in the database: its transaction copies rows.
    let deadline = Instant::now() + LOAD_TIMEOUT;
    let copying =
        "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active'";
    while server.psql(copying).as_deref() != Some("1") {
        assert!(Instant::now() < deadline, "the load did not begin");
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    process::wait(child);
    let deadline = Instant::now() + LOAD_TIMEOUT;
    while server.psql(copying).as_deref() != Some("0") {
        assert!(Instant::now() < deadline, "the load did not end");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(
        server.psql("SELECT to_regclass('big') IS NULL").as_deref(),
        Some("t")
    );
}

#[test]
fn errors_of_the_database_name_the_address() {
    if !has_driver("postgresql") {
        return;
    }
    let Some(server) = PostgresServer::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let error = fail(
        folder.path(),
        "SELECT * FROM 'postgresql://127.0.0.1:1/shop?table=t'",
    );
    assert!(
        error.contains("cannot connect to postgresql://127.0.0.1/shop"),
        "{error}"
    );
    let wrong = server.address().replace("/postgres", "/nowhere");
    let error = fail(folder.path(), &format!("SELECT * FROM '{wrong}?table=t'"));
    assert!(error.contains("nowhere"), "{error}");
}

#[test]
fn clients_of_a_server_reach_allowed_hosts_only() {
    if !has_driver("postgresql") {
        return;
    }
    let Some(database) = PostgresServer::start() else {
        return;
    };
    assert!(
        database
            .psql("CREATE TABLE t (id int); INSERT INTO t VALUES (7)")
            .is_some()
    );
    let folder = tempfile::tempdir().unwrap();
    let table = format!("'{}?table=t'", database.address());
    let closed = Server::start(folder.path(), &[]);
    let refused = closed.run(&[&format!("SELECT id FROM {table}")]);
    assert!(
        refused.err.contains("--allow-network=127.0.0.1"),
        "{}",
        refused.err
    );
    let open = Server::start(folder.path(), &["--allow-network=127.0.0.1"]);
    let read = open.run(&[&format!("SELECT id FROM {table}")]);
    assert!(read.out.contains('7'), "{}{}", read.out, read.err);
    // A parameter would lead to another host.
    let other = table.replace("?table=t", "?host=192.0.2.1&table=t");
    let refused = open.run(&[&format!("SELECT id FROM {other}")]);
    assert!(refused.err.contains("parameters"), "{}", refused.err);
    let written = open.run(&[&format!("COPY (SELECT 1 AS id) TO {table}")]);
    assert!(written.err.contains("read-only"), "{}", written.err);
}
