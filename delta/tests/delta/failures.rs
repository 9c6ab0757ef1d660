//! Writes that fail or are killed leave the version before them.

use std::time::Duration;

use crate::program::{fail, names, program, run, succeed, value};

/// A query whose last rows fail.
const LATE_FAILURE: &str =
    "SELECT id, 100 / (200000 - id) AS share FROM generate_series(1, 200000) AS t(id)";

#[test]
fn a_query_that_fails_late_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let error = fail(
        folder,
        &format!("COPY ({LATE_FAILURE}) TO 'table/' STORED AS DELTA"),
    );
    assert!(error.to_lowercase().contains("zero"), "{error}");
    assert!(names(folder).is_empty(), "{:?}", names(folder));
    succeed(
        folder,
        "COPY (SELECT 1::bigint AS id, 1::bigint AS share) TO 'table/' STORED AS DELTA",
    );
    for mode in ["append", "replace"] {
        let sql =
            format!("COPY ({LATE_FAILURE}) TO 'table/' STORED AS DELTA OPTIONS (mode '{mode}')");
        let error = fail(folder, &sql);
        assert!(error.to_lowercase().contains("zero"), "{error}");
    }
    let sql = format!(
        "CREATE EXTERNAL TABLE t STORED AS DELTA LOCATION 'table/'; INSERT INTO t {LATE_FAILURE}"
    );
    let error = fail(folder, &sql);
    assert!(error.to_lowercase().contains("zero"), "{error}");
    assert_eq!(names(&folder.join("table/_delta_log")).len(), 1);
    assert_eq!(value(folder, "SELECT count(*) FROM 'table/'"), 1);
}

#[cfg(unix)]
#[test]
fn a_killed_write_leaves_the_old_version() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, "COPY (SELECT 1 AS id) TO 'table/' STORED AS DELTA");
    for (mode, target) in [
        ("append", "table/"),
        ("replace", "table/"),
        ("create", "new/"),
    ] {
        let sql = format!(
            "COPY (SELECT id::int AS id FROM generate_series(1, 2000000000) AS t(id)) TO '{target}'
             STORED AS DELTA OPTIONS (mode '{mode}')"
        );
        let mut child = program(folder).args(["-c", &sql]).spawn().unwrap();
        // Whenever the kill comes, the table is whole.
        std::thread::sleep(Duration::from_millis(700));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(value(folder, "SELECT count(*) FROM 'table/'"), 1);
    let missing = run(folder, "SELECT count(*) FROM 'new/'");
    assert_ne!(missing.code, Some(0), "{}", missing.out);
    // What the killed creation left is removed by the next one.
    succeed(folder, "COPY (SELECT 2 AS id) TO 'new/' STORED AS DELTA");
    assert_eq!(value(folder, "SELECT id FROM 'new/'"), 2);
    assert_eq!(names(folder), ["new", "table"]);
}

#[test]
fn writers_at_the_same_time_lose_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(folder, "COPY (SELECT 0 AS id) TO 'table/' STORED AS DELTA");
    let written: usize = std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=6)
            .map(|id| {
                scope.spawn(move || {
                    let sql = format!(
                        "COPY (SELECT {id} AS id) TO 'table/' STORED AS DELTA OPTIONS (mode 'append')"
                    );
                    usize::from(run(folder, &sql).code == Some(0))
                })
            })
            .collect();
        writers
            .into_iter()
            .map(|writer| writer.join().unwrap())
            .sum()
    });
    assert_eq!(written, 6, "appends do not conflict");
    assert_eq!(value(folder, "SELECT count(DISTINCT id) FROM 'table/'"), 7);
}
