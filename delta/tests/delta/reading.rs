//! Versions of a table, and what a query reads of them.

use std::path::Path;

use serde_json::json;

use crate::program::{fail, names, rows, succeed, value};

/// A folder with the table `offers`: version 0 has the rows 1 and 2, version 1 row 3 too,
/// version 2 only row 4.
fn offers() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (mode, ids) in [
        ("create", "(1), (2)"),
        ("append", "(3)"),
        ("replace", "(4)"),
    ] {
        let sql = format!(
            "COPY (SELECT id, 'offer ' || id AS title FROM (VALUES {ids}) AS t(id)) TO 'offers/'
             STORED AS DELTA OPTIONS (mode '{mode}')"
        );
        succeed(folder.path(), &sql);
    }
    folder
}

fn ids(folder: &Path, statements: &str, table: &str) -> Vec<i64> {
    let sql = format!("{statements} SELECT id FROM {table} ORDER BY id");
    let rows = rows(folder, &sql);
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}

fn external(options: &str) -> String {
    format!("CREATE EXTERNAL TABLE t STORED AS DELTATABLE LOCATION 'offers/' {options};")
}

#[test]
fn a_folder_is_the_newest_version_of_its_table() {
    let folder = offers();
    let folder = folder.path();
    assert_eq!(
        names(&folder.join("offers")).len(),
        4,
        "files of all versions and the log"
    );
    let absolute = format!("'{}/offers'", folder.display());
    for table in ["'offers/'", "'offers'", "offers", "'./offers/'", &absolute] {
        assert_eq!(ids(folder, "", table), [4], "{table}");
    }
    assert_eq!(ids(folder, "", "'offers/*.parquet'"), [1, 2, 3, 4]);
}

#[test]
fn a_named_table_has_a_version_or_the_newest_one() {
    let folder = offers();
    let folder = folder.path();
    assert_eq!(ids(folder, &external(""), "t"), [4]);
    assert_eq!(ids(folder, &external("OPTIONS (version 0)"), "t"), [1, 2]);
    assert_eq!(
        ids(folder, &external("OPTIONS (version '1')"), "t"),
        [1, 2, 3]
    );
    let later = external("OPTIONS (timestamp '2100-01-01 00:00:00')");
    assert_eq!(ids(folder, &later, "t"), [4]);
    let append = "COPY (SELECT 5 AS id, 'five' AS title) TO 'offers/' STORED AS DELTA OPTIONS (mode 'append');";
    let newest = external("") + append;
    assert_eq!(ids(folder, &newest, "t"), [4, 5]);
    let old = external("OPTIONS (version 0)") + append;
    assert_eq!(ids(folder, &old, "t"), [1, 2]);
    let view = format!("CREATE VIEW v AS SELECT id FROM 'offers/'; {append}");
    assert_eq!(ids(folder, &view, "v"), [4, 5, 5, 5]);
}

#[test]
fn versions_that_do_not_exist_are_errors() {
    let folder = offers();
    let folder = folder.path();
    for (options, message) in [
        ("OPTIONS (version 3)", "version 3"),
        (
            "OPTIONS (version 18446744073709551615)",
            "18446744073709551615",
        ),
        ("OPTIONS (version '-1')", "version is a number"),
        ("OPTIONS (version 'x')", "version is a number"),
        (
            "OPTIONS (timestamp '2001-01-01 00:00:00')",
            "has no version at that time",
        ),
        ("OPTIONS (timestamp 'yesterday')", "timestamp is a time"),
        ("OPTIONS (version 1, timestamp '2030-01-01')", "one option"),
        ("OPTIONS (colour 'red')", "unknown option 'colour'"),
    ] {
        let error = fail(folder, &external(options));
        assert!(error.contains(message), "{options}: {error}");
    }
    let error = fail(
        folder,
        "CREATE EXTERNAL TABLE t STORED AS DELTATABLE LOCATION 'none/'",
    );
    assert!(error.contains("'none/'"), "{error}");
    let error = fail(
        folder,
        "CREATE EXTERNAL TABLE t (id int) STORED AS DELTATABLE LOCATION 'offers/'",
    );
    assert!(error.contains("leave them out"), "{error}");
}

#[test]
fn an_external_table_of_a_table_created_anew_reads_the_new_one() {
    let folder = offers();
    let folder = folder.path();
    let script = external("")
        + "SELECT count(*) FROM t;
           \\! rm -r offers
           COPY (SELECT 9 AS id, 'nine' AS title) TO 'offers/' STORED AS DELTA;
           COPY (SELECT 8 AS id, 'eight' AS title) TO 'offers/' STORED AS DELTA OPTIONS (mode 'append');
           COPY (SELECT 7 AS id, 'seven' AS title) TO 'offers/' STORED AS DELTA OPTIONS (mode 'append');
           COPY (SELECT 6 AS id, 'six' AS title) TO 'offers/' STORED AS DELTA OPTIONS (mode 'append');
           COPY (SELECT id FROM t ORDER BY id) TO 'ids.csv';";
    std::fs::write(folder.join("script.sql"), script).unwrap();
    let mut command = crate::program::program(folder);
    let done = crate::program::done(command.args(["-f", "script.sql"]));
    assert_eq!(done.code, Some(0), "{}", done.err);
    let ids = std::fs::read_to_string(folder.join("ids.csv")).unwrap();
    assert_eq!(ids, "id\n6\n7\n8\n9\n");
}

#[test]
fn filters_columns_and_limits_reach_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    succeed(
        folder,
        "COPY (SELECT id, id % 3 AS part, 'title ' || id AS title, 'text' AS text
               FROM generate_series(1, 300) AS t(id))
         TO 'parts/' STORED AS DELTA PARTITIONED BY (part)",
    );
    let files = names(&folder.join("parts"));
    assert_eq!(files, ["_delta_log", "part=0", "part=1", "part=2"]);
    let sql = "SELECT title FROM 'parts/' WHERE part = 1 AND id > 290";
    assert_eq!(rows(folder, sql).len(), 3);
    let plan = succeed(folder, &format!("EXPLAIN {sql}"));
    let scan = plan
        .split("DeltaScan")
        .nth(1)
        .unwrap_or_else(|| panic!("{plan}"));
    assert!(scan.contains("part=1"), "{plan}");
    assert!(!scan.contains("part=2"), "{plan}");
    assert!(scan.contains("290"), "the filter on values: {plan}");
    assert!(
        !scan.contains("text"),
        "a column that is not needed: {plan}"
    );
    let plan = succeed(folder, "EXPLAIN SELECT id FROM 'parts/' LIMIT 5");
    assert!(
        plan.contains("fetch=5") || plan.contains("limit=5"),
        "{plan}"
    );
    assert_eq!(value(folder, "SELECT count(*) FROM 'parts/'"), 300);
    assert_eq!(rows(folder, "SELECT id FROM 'parts/' LIMIT 5").len(), 5);
    // A partition value is an ordinary column, with the type that was written.
    let sql = "SELECT part, arrow_typeof(part) AS type, count(*) AS n FROM 'parts/' GROUP BY ALL ORDER BY part";
    assert_eq!(
        rows(folder, sql)[1],
        json!({"part": 1, "type": "Int64", "n": 100})
    );
}
