//! Tables of databases, through real drivers and real databases.

mod postgresql;
mod server;
mod sqlite;

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::cli::{Done, program_with_models};
use crate::support::{process, skip::skip};

/// Whether the driver is on this machine; skips the test without it.
fn has_driver(name: &str) -> bool {
    let folder = semql_udfs::models::home().join("drivers").join(name);
    let found = folder.is_dir();
    if !found {
        skip("ADBC drivers");
    }
    found
}

/// Runs SQL in `folder`; its rows are JSON.
fn run(folder: &Path, sql: &str) -> Done {
    process::output(command(folder).args(["--format", "json", "-c", sql])).into()
}

fn command(folder: &Path) -> Command {
    program_with_models(folder)
}

/// Rows of a query that succeeds.
fn rows(folder: &Path, sql: &str) -> Vec<Value> {
    let done = run(folder, sql);
    assert_eq!(done.code, Some(0), "{sql}: {}", done.err);
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{sql}: {error}: {}", done.out))
}

/// Runs statements that succeed.
fn succeed(folder: &Path, sql: &str) -> String {
    let done = run(folder, sql);
    assert_eq!(done.code, Some(0), "{sql}: {}", done.err);
    done.out + &done.err
}

/// The message of a statement that fails.
fn fail(folder: &Path, sql: &str) -> String {
    let done = run(folder, sql);
    assert_ne!(done.code, Some(0), "{sql}: {}", done.out);
    done.err
}

/// Statements that both databases answer alike. `address` has no parameters.
fn check_reads_and_writes(folder: &Path, address: &str) {
    let offers = format!("'{address}?table=offers'");
    succeed(
        folder,
        &format!(
            "COPY (SELECT * FROM (VALUES (1, 'red shoes', 19.5, true), (2, 'it''s tea', NULL, false),
             (3, NULL, 2.25, NULL), (4, 'größer', -1.0, true)) AS t(id, title, price, sold)) TO {offers}"
        ),
    );
    let all = rows(
        folder,
        &format!("SELECT id, title, price FROM {offers} ORDER BY id"),
    );
    assert_eq!(
        all[1],
        serde_json::json!({"id": 2, "title": "it's tea", "price": null})
    );
    assert_eq!(all[3]["title"], "größer");
    let found = rows(
        folder,
        &format!(
            "SELECT id FROM {offers} AS o WHERE o.title = 'it''s tea' OR (id > 2 AND price IS NOT NULL) ORDER BY id"
        ),
    );
    assert_eq!(
        found,
        [
            serde_json::json!({"id": 2}),
            serde_json::json!({"id": 3}),
            serde_json::json!({"id": 4})
        ]
    );
    assert_eq!(
        rows(folder, &format!("SELECT count(*) AS n FROM {offers}"))[0]["n"],
        4
    );
    assert_eq!(
        rows(
            folder,
            &format!("SELECT title FROM {offers} WHERE id = 1 LIMIT 1")
        )[0]["title"],
        "red shoes"
    );

    // The database reads only what the query needs.
    let plan = succeed(
        folder,
        &format!("EXPLAIN SELECT title FROM {offers} WHERE id >= 3 LIMIT 1"),
    );
    let sent = plan.lines().find(|line| line.contains("DatabaseScanExec"));
    let sent = sent.unwrap_or_default();
    assert!(sent.contains("WHERE (") && sent.contains(">= 3)"), "{plan}");
    assert!(!sent.contains("price"), "{plan}");

    // Modes.
    let copy = |query: &str, options: &str| format!("COPY ({query}) TO {offers} {options}");
    let exists = fail(folder, &copy("SELECT 1 AS id", ""));
    assert!(exists.contains("offers"), "{exists}");
    let row = "SELECT 5 AS id, 'pen' AS title, 1.5 AS price, false AS sold";
    succeed(folder, &copy(row, "OPTIONS (mode 'append')"));
    assert_eq!(
        rows(folder, &format!("SELECT count(*) AS n FROM {offers}"))[0]["n"],
        5
    );

    // All rows or none: the last of many rows fails.
    let late = "SELECT CAST(CASE WHEN value = 100000 THEN 'x' ELSE '7' END AS BIGINT) AS id, 'a' AS title, 1.0 AS price,
         true AS sold FROM generate_series(1, 100000)";
    fail(folder, &copy(late, "OPTIONS (mode 'append')"));
    fail(folder, &copy(late, "OPTIONS (mode 'replace')"));
    assert_eq!(
        rows(folder, &format!("SELECT count(*) AS n FROM {offers}"))[0]["n"],
        5
    );
    fail(folder, &format!("COPY ({late}) TO '{address}?table=never'"));
    let missing = fail(folder, &format!("SELECT * FROM '{address}?table=never'"));
    assert!(missing.contains("never"), "{missing}");

    succeed(folder, &copy("SELECT 9 AS id", "OPTIONS (mode 'replace')"));
    assert_eq!(
        rows(folder, &format!("SELECT * FROM {offers}")),
        [serde_json::json!({"id": 9})]
    );

    // A table with a name, in both forms.
    let name = address.split("://").next().unwrap_or_default();
    let create = format!(
        "CREATE EXTERNAL TABLE named STORED AS ADBC OPTIONS (driver '{name}', uri '{address}', table 'offers');
         CREATE EXTERNAL TABLE located STORED AS ADBC LOCATION '{address}?table=offers';"
    );
    let counted = rows(
        folder,
        &format!("{create} INSERT INTO named VALUES (10), (11); SELECT count(*) AS n FROM located"),
    );
    assert_eq!(counted[0]["n"], 3);

    for (sql, message) in [
        (format!("SELECT * FROM '{address}'"), "names no table"),
        (
            copy("SELECT 1 AS id", "OPTIONS (mode 'upsert')"),
            "create, append or replace",
        ),
        (
            copy("SELECT 1 AS id", "OPTIONS (color 'red')"),
            "unknown option 'color'",
        ),
        (copy("SELECT 1 AS id", "STORED AS CSV"), "STORED AS"),
        (
            format!(
                "CREATE EXTERNAL TABLE t STORED AS ADBC OPTIONS (driver 'oracle', uri '{address}', table 'x')"
            ),
            "unknown driver 'oracle'",
        ),
        (
            format!(
                "CREATE EXTERNAL TABLE t STORED AS ADBC OPTIONS (driver 'snowflake', uri '{address}', table 'x')"
            ),
            "snowflake",
        ),
        (
            "CREATE EXTERNAL TABLE t STORED AS ADBC OPTIONS (table 'x')".to_string(),
            "uri",
        ),
    ] {
        let error = fail(folder, &sql);
        assert!(error.contains(message), "{sql}: {error}");
    }
}
