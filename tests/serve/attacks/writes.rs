//! Writes of clients that may only read.

use crate::serve::canary::{Canary, fill};
use crate::serve::server::{Server, shop};
use crate::serve::wire::{USER_ADA, WireClient};

const READ_ONLY: &[&str] = &["25006"];

/// Statements that write; `FILE` becomes a file that must not appear.
const WRITES: &[&str] = &[
    "COPY shop TO 'FILE'",
    "COPY (SELECT 1 AS a) TO 'FILE' STORED AS CSV",
    "COPY shop TO 'FILE' OPTIONS (refresh true)",
    "CREATE TABLE stolen AS SELECT 1 AS a",
    "CREATE OR REPLACE TABLE shop AS SELECT 1 AS a",
    "CREATE VIEW stolen AS SELECT 1 AS a",
    "CREATE SCHEMA stolen",
    "CREATE DATABASE stolen",
    "CREATE EXTERNAL TABLE stolen STORED AS CSV LOCATION 'FILE'",
    "CREATE EXTERNAL TABLE stolen (id INT) STORED AS CSV LOCATION 'stolen/'",
    "CREATE INDEX stolen ON shop USING hnsw (title)",
    "CREATE MODEL stolen FROM (SELECT title, price FROM shop) PREDICT price",
    "CREATE OR REPLACE MODEL stolen FROM (SELECT title, price FROM shop) PREDICT price",
    "CREATE MODEL stolen FROM (SELECT title, title AS name FROM shop) EXTRACT name",
    "CREATE MODEL stolen FROM (SELECT title FROM shop) EXTRACT name USING llm",
    "EXPORT MODEL stolen TO 'FILE'",
    "DROP MODEL stolen",
    "DROP MODEL IF EXISTS stolen",
    "DROP INDEX stolen ON shop",
    "DROP TABLE shop",
    "INSERT INTO shop VALUES (9, 'stolen', 9)",
    "DELETE FROM shop",
    "UPDATE shop SET price = 9",
    "TRUNCATE TABLE shop",
    "CREATE TEMPORARY TABLE stolen AS SELECT 1 AS a",
    "CREATE TEMP VIEW stolen AS SELECT 1 AS a",
    "ALTER TABLE shop RENAME TO stolen",
    "ALTER VIEW shop RENAME TO stolen",
    "CREATE SCHEMA stolen",
    "DROP SCHEMA IF EXISTS stolen CASCADE",
    "COMMENT ON TABLE shop IS 'stolen'",
    "DELETE FROM shop RETURNING id",
    "PREPARE stolen AS DELETE FROM shop",
    "WITH t AS (SELECT 1) DELETE FROM shop",
    "MERGE INTO shop USING shop AS s ON shop.id = s.id WHEN MATCHED THEN DELETE",
];

/// Statements in which some parsers find the write `W`, and others a comment, a
/// string or a name.
const HIDDEN_WRITES: &[&str] = &[
    "/*! ; W */",
    "/*! ; W ; */ SELECT 1",
    "/*!40000 ; W ; */ SELECT 1",
    "/*! W */",
    "SELECT 1 /*! ; W */",
    "SELECT 1; /*! W */",
    "SELECT /*! 1; W; SELECT */ 2",
    "SELECT 1 /*! FROM shop; W; SELECT 1 */ FROM shop",
    "SELECT 1 AS a /*! ; W ; -- */",
    "-- /*!\nSELECT 1; W -- */",
    "/*+ ; W */ SELECT 1",
    "/* /* */ ; W ; */ SELECT 1",
    "/* /*! */ ; W ; /* */ SELECT 1",
    "# x\nW",
    "SELECT 1 # ; W\n",
    "SELECT `a; W; --`",
    "SELECT 1 AS `; W; --`",
    "SELECT 1 AS \"`\"; W; --`",
    "SELECT '\\'; W; --'",
    "SELECT E'\\'; W; --'",
    "SELECT \"a\\\"; W; --\"",
    "SELECT $$ ; W ; $$",
    "SELECT $a$ $b$ ; W ; $b$ $a$",
    "SELECT $1$ ; W ; $1$",
    "SELECT N' '; W; --'",
    "SELECT U&'\\' UESCAPE '!'; W; --'",
    "SELECT 1\u{a0}; W",
    "SELECT 1;\u{feff}W",
    "SELECT 1; W",
    "W; SELECT 1",
    ";;;W",
    "SELECT 1;\n--\nW\n;",
    "BEGIN; W; COMMIT",
    "BEGIN READ WRITE; W; COMMIT",
    "DECLARE c CURSOR FOR W",
    "DECLARE c CURSOR FOR SELECT 1; W",
    "DECLARE c CURSOR FOR SELECT 1 AS `x`; W",
    "DECLARE c CURSOR FOR SELECT `a; W; --`",
    "DECLARE c CURSOR FOR SELECT 1 /*! ; W */",
    "DECLARE `c CURSOR FOR SELECT 1; W; --` CURSOR FOR SELECT 1",
    "DECLARE \"c\" CURSOR FOR /*! W ; */ SELECT 1",
    "BEGIN; DECLARE c CURSOR FOR W; FETCH ALL FROM c; COMMIT",
    "BEGIN; DECLARE c CURSOR FOR SELECT 1 AS `; W; --`; FETCH ALL FROM c; COMMIT",
    "EXPLAIN W",
    "EXPLAIN ANALYZE W",
    "EXPLAIN ANALYZE VERBOSE W",
    "EXPLAIN (ANALYZE) W",
    "EXPLAIN (ANALYZE true, VERBOSE) W",
    "EXPLAIN FORMAT TREE W",
    "EXPLAIN EXPLAIN ANALYZE W",
    "EXPLAIN ANALYZE SELECT `a`; W",
    "EXPLAIN ANALYZE SELECT 1 AS `a; W; --`",
    "EXPLAIN ANALYZE SELECT \"a; W; --\" FROM shop",
    "EXPLAIN ANALYZE SELECT $$ ; W ; $$",
    "EXPLAIN ANALYZE /*! W ; */ SELECT 1",
    "EXPLAIN /*! ANALYZE W -- */ SELECT 1",
    "WITH a AS (W) SELECT * FROM a",
    "WITH a AS (SELECT 1) W",
    "SELECT * FROM (W) AS a",
    "(W)",
    "COPY (W) TO STDOUT",
    "COPY (SELECT 1; W) TO STDOUT",
    "COPY (SELECT 1) TO STDOUT; W",
    "COPY (SELECT 1 /*! ) TO 'FILE' -- */ ) TO STDOUT",
    "PREPARE p AS W",
    "PREPARE p AS W; EXECUTE p",
    "PREPARE p AS SELECT 1; W; EXECUTE p",
    "PREPARE `p AS SELECT 1; W; --` AS SELECT 1",
    "EXECUTE IMMEDIATE 'W'",
    "DO $$ BEGIN W; END $$",
    "SUMMARIZE (W)",
    "SUMMARIZE shop; W",
    "DESCRIBE W",
    "SHOW TABLES; W",
    "SET application_name = 'x'; W",
    "SET application_name = `x; W; --`",
    "SET default_transaction_read_only = off; W",
    "FETCH 1 FROM c; W",
    "CLOSE ALL; W",
    "CREATE /*! TABLE stolen AS SELECT 1 -- */ MODEL stolen",
    "\\! touch FILE\nW",
    "\\o FILE\nSELECT 1",
];

/// Write without quotes, for templates with quotes.
const PLAIN_WRITE: &str = "CREATE TABLE stolen AS SELECT 1 AS a";

#[test]
fn clients_without_permission_write_nothing() {
    let canary = Canary::start(&[]);
    for write in WRITES {
        for file in [
            "stolen.csv",
            &canary.outside("stolen.csv"),
            "linked/stolen.csv",
        ] {
            let statement = fill(write, &[("FILE", file)]);
            canary.refused(&statement, &["25006", "42501", "0A000"]);
            if statement == *write {
                break;
            }
        }
    }
    for write in [
        "CREATE TABLE stolen AS SELECT 1 AS a",
        "COPY shop TO 'stolen.csv'",
        "INSERT INTO shop VALUES (9, 'stolen', 9)",
        "EXPLAIN ANALYZE INSERT INTO shop VALUES (9, 'stolen', 9)",
        "EXPLAIN ANALYZE COPY shop TO 'stolen.csv'",
        "EXPLAIN ANALYZE CREATE TABLE stolen AS SELECT 1 AS a",
        "DROP TABLE shop",
        "COPY shop FROM STDIN",
        "CREATE INDEX stolen ON shop USING hnsw (title)",
        "CREATE MODEL stolen FROM (SELECT title, price FROM shop) PREDICT price",
    ] {
        canary.refused(write, READ_ONLY);
    }
    canary.refused("SELECT ai_cache_clear()", &["25006", "42501"]);
    for write in [
        "SELECT id INTO stolen FROM shop",
        "WITH t AS (SELECT 1 AS a) SELECT * INTO stolen FROM t",
        "CREATE EXTERNAL MODEL stolen LOCATION 'library.so'",
        "CREATE FUNCTION stolen(BIGINT) RETURNS BIGINT RETURN $1 + 1",
        "COPY shop FROM 'shop.csv'",
        "COPY shop TO PROGRAM 'touch stolen.csv'",
        "COPY (SELECT 1) TO 'stolen.csv' (FORMAT csv)",
        "EXPLAIN ANALYZE SELECT ai_cache_clear()",
        "SELECT 1 WHERE ai_cache_clear() IS NOT NULL",
    ] {
        canary.fails(write);
    }
    canary.verify_tables("all writes");
}

#[test]
fn hidden_writes_do_not_run() {
    let canary = Canary::start(&[]);
    let file = canary.outside("stolen.csv");
    let copy = format!("COPY shop TO '{file}'");
    for template in HIDDEN_WRITES {
        for write in [
            PLAIN_WRITE,
            &copy,
            "COPY shop TO $$stolen.csv$$",
            "COPY shop TO `stolen.csv`",
        ] {
            canary.harmless(&fill(template, &[("W", write), ("FILE", &file)]));
        }
        canary.verify_tables(template);
    }
}

#[test]
fn prepared_writes_do_not_run() {
    let canary = Canary::start(&[]);
    for write in WRITES {
        let write = fill(write, &[("FILE", "stolen.csv")]);
        let mut client = canary.connect();
        client.simple(&format!("PREPARE p AS {write}")).unwrap();
        for run in ["EXECUTE p", "EXECUTE p()", "EXPLAIN ANALYZE EXECUTE p"] {
            let response = client.simple(run).unwrap();
            assert!(!response.errors.is_empty(), "{run}: {write}");
            client.extended(run, &[], 0).unwrap();
        }
        canary.verify(&write);
    }
    canary.verify_tables("prepared writes");
}

#[test]
fn statements_without_effect_are_refused() {
    let canary = Canary::start(&[]);
    for statement in [
        "SET ROLE postgres",
        "SET LOCAL ROLE postgres",
        "SET SESSION ROLE postgres",
        "SET SESSION AUTHORIZATION postgres",
    ] {
        canary.fails(statement);
    }
    for statement in [
        "SET default_transaction_read_only = off",
        "SET transaction_read_only = off",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
        "BEGIN READ WRITE",
        "BEGIN; SET TRANSACTION READ WRITE",
    ] {
        let mut client = canary.connect();
        client.simple(statement).unwrap();
        let response = client.simple(PLAIN_WRITE).unwrap();
        assert!(
            matches!(response.code(), Some("25006" | "25P02")),
            "{statement}: {}",
            response.text()
        );
        canary.verify(statement);
    }
    canary.verify_tables("read write");
}

#[test]
fn read_only_transactions_refuse_writes() {
    let folder = shop();
    let server = Server::start(folder.path(), &["--allow-writes"]);
    for (number, statement) in [
        "SET default_transaction_read_only = on",
        "SET transaction_read_only = on",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "BEGIN READ ONLY",
        "START TRANSACTION READ ONLY",
        "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY",
        "BEGIN; SET TRANSACTION READ ONLY",
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = WireClient::connect(server.port);
        verify_read_only(&mut client, statement, number);
    }
    let parameters = [
        USER_ADA.as_slice(),
        &[("options", "-c default_transaction_read_only=on")],
    ]
    .concat();
    if let Ok(mut client) = WireClient::connect_with(server.port, &parameters) {
        verify_read_only(&mut client, "SELECT 1", 100);
    }
    // Other clients may write.
    let mut client = WireClient::connect(server.port);
    let response = client.simple("CREATE TABLE t AS SELECT 1 AS a").unwrap();
    assert!(response.errors.is_empty(), "{}", response.text());
}

/// Verifies that `statement` fails, or that no table can be created after it.
fn verify_read_only(client: &mut WireClient, statement: &str, number: usize) {
    if !client.simple(statement).unwrap().errors.is_empty() {
        return;
    }
    let write = format!("CREATE TABLE read_only_{number} AS SELECT 1 AS a");
    let response = client.simple(&write).unwrap();
    assert_eq!(response.code(), Some("25006"), "accepted: {statement}");
}
