//! PostgreSQL.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::server::PostgresServer;
use super::{check_reads_and_writes, command, fail, has_driver, rows, succeed};
use crate::serve::server::Server;
use crate::support::process;

/// Longest wait for a load to begin.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// A server and an empty folder; skips the test on a machine without driver or server.
fn set_up(start: fn() -> Option<PostgresServer>) -> Option<(PostgresServer, tempfile::TempDir)> {
    has_driver("postgresql")
        .then(start)?
        .map(|server| (server, tempfile::tempdir().unwrap()))
}

#[test]
fn tables_are_read_and_written() {
    let Some((server, folder)) = set_up(PostgresServer::start) else {
        return;
    };
    check_reads_and_writes(folder.path(), &server.address());
    assert_eq!(
        server.psql("SELECT count(*) FROM offers").as_deref(),
        Some("3")
    );
}

#[test]
fn types_keep_their_values() {
    let Some((server, folder)) = set_up(PostgresServer::start) else {
        return;
    };
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
    let Some((server, folder)) = set_up(PostgresServer::start) else {
        return;
    };
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
fn rows_are_cast_to_the_types_of_the_table() {
    let Some((server, folder)) = set_up(PostgresServer::start) else {
        return;
    };
    let made = server.psql(
        "CREATE SCHEMA sales; CREATE TABLE sales.offers (id serial, n int, price numeric(8,2), doc jsonb, code varchar(3),
         key uuid, at timestamptz, kind text DEFAULT 'new')",
    );
    assert!(made.is_some());
    let table = format!("'{}?table=sales.offers'", server.address());
    let copy = |rows: &str| format!("COPY ({rows}) TO {table} OPTIONS (mode 'append')");
    let key = "6f1b2c3d-0000-1111-2222-333344445555";
    succeed(
        folder.path(),
        &copy(&format!(
            "SELECT count(*) AS n, 2.345 AS price, {{a: 1, b: [true, NULL]}} AS doc, 'abc' AS code, '{key}' AS key,
             timestamptz '2026-11-29 12:00:00+01' AS at"
        )),
    );
    let written = server.psql(
        "SELECT id, n, price, doc->>'a', code, key, at AT TIME ZONE 'UTC', kind FROM sales.offers",
    );
    let expected = format!("1|1|2.35|1|abc|{key}|2026-11-29 11:00:00|new");
    assert_eq!(written.as_deref(), Some(expected.as_str()));
    let read = rows(
        folder.path(),
        &format!("SELECT key, doc FROM {table} WHERE key = '{key}'"),
    );
    assert_eq!(
        read[0],
        serde_json::json!({"key": key, "doc": "{\"a\": 1, \"b\": [true, null]}"})
    );

    // A value that does not fit fails all rows.
    for (values, message) in [
        ("(1, 'abcd'), (2, 'ab')", "too long"),
        ("(1, 'ab'), (3000000000, 'ab')", "out of range"),
    ] {
        let query = format!("SELECT * FROM (VALUES {values}) AS t(n, code)");
        let error = fail(folder.path(), &copy(&query));
        assert!(error.contains(message), "{error}");
    }
    let error = fail(folder.path(), &copy("SELECT 1 AS n, 2 AS absent"));
    assert!(error.contains("absent"), "{error}");
    let counted = server.psql("SELECT count(*) FROM sales.offers");
    assert_eq!(counted.as_deref(), Some("1"));

    // A named table, and the rows of a query in one transaction with it.
    let create = format!("CREATE EXTERNAL TABLE o STORED AS ADBC LOCATION {table}");
    succeed(
        folder.path(),
        &format!(
            "{create}; INSERT INTO o(id, n, key) SELECT value, value, '{key}' FROM generate_series(7, 9)"
        ),
    );
    let counted = server.psql("SELECT sum(n), count(key) FROM sales.offers");
    assert_eq!(counted.as_deref(), Some("25|4"));
}

#[test]
fn columns_with_fields_become_json() {
    let Some((server, folder)) = set_up(PostgresServer::start) else {
        return;
    };
    let address = server.address();
    succeed(
        folder.path(),
        &format!(
            "COPY (SELECT {{name: 'it''s \"tea\"', price: 1.5}} AS offer, [{{k: 1}}] AS list, NULL AS nothing)
             TO '{address}?table=offers'"
        ),
    );
    let written = server
        .psql("SELECT offer::jsonb->>'name', list::jsonb->0->>'k', nothing IS NULL FROM offers");
    assert_eq!(written.as_deref(), Some("it's \"tea\"|1|t"));
}

#[test]
fn vectors_of_pgvector_are_read_and_written() {
    let Some((server, folder)) = set_up(PostgresServer::start_with_pgvector) else {
        return;
    };
    let made = server.psql(
        "CREATE EXTENSION vector;
         CREATE TABLE offers (id int PRIMARY KEY, title text, vector vector(384), half halfvec(2), note text)",
    );
    assert!(made.is_some());
    let table = format!("'{}?table=offers'", server.address());
    let copy = |rows: &str| format!("COPY ({rows}) TO {table} OPTIONS (mode 'append')");
    succeed(
        folder.path(),
        &copy(
            "SELECT id, title, embed(title) AS vector, [0.5, id] AS half
             FROM (VALUES (1, 'red sneakers'), (2, 'black tea'), (3, NULL)) AS t(id, title)",
        ),
    );
    let nearest = server.psql(
        "SELECT b.id, round((a.vector <=> b.vector)::numeric, 3) >= 0.5, b.half FROM offers a, offers b
         WHERE a.id = 1 AND b.id <> 1 ORDER BY a.vector <=> b.vector",
    );
    assert_eq!(nearest.as_deref(), Some("2|t|[0.5,2]\n3||[0.5,3]"));

    // The same vectors come back.
    let read = rows(
        folder.path(),
        &format!(
            "SELECT id, round(cosine_similarity(vector, embed(title)), 6) AS same, half FROM {table} ORDER BY id"
        ),
    );
    assert_eq!(
        read[0],
        serde_json::json!({"id": 1, "same": 1.0, "half": [0.5, 1.0]})
    );
    assert_eq!(read[2]["same"], serde_json::Value::Null);
    let found = rows(
        folder.path(),
        &format!(
            "SELECT id FROM vector_search({table}, 'running shoes', column => vector, k => 1)"
        ),
    );
    assert_eq!(found, [serde_json::json!({"id": 1})]);

    let error = fail(folder.path(), &copy("SELECT 4 AS id, [1.0, 2.0] AS vector"));
    assert!(error.contains("expected 384 dimensions, not 2"), "{error}");
}

#[test]
fn a_killed_load_leaves_nothing() {
    let Some((server, folder)) = set_up(PostgresServer::start) else {
        return;
    };
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
    let Some((server, folder)) = set_up(PostgresServer::start) else {
        return;
    };
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
    let Some((database, folder)) = set_up(PostgresServer::start) else {
        return;
    };
    assert!(
        database
            .psql("CREATE TABLE t (id int); INSERT INTO t VALUES (7)")
            .is_some()
    );
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
