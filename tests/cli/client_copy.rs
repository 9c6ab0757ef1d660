//! `\copy` in the syntax of psql.

use std::fs;

use super::{names, semql, semql_reading, shop};

/// Runs a script with results in CSV and without notices.
fn run(folder: &tempfile::TempDir, script: &str) -> super::Done {
    semql_reading(folder.path(), &["-q", "--format", "csv"], script)
}

#[test]
fn tables_and_queries_are_copied_to_files() {
    let folder = shop();
    let script = "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'x;y'), (2, NULL)) AS v(a, b);
\\copy t to plain.csv
\\copy t (b, a) to 'old.csv' csv delimiter ';' null '-'
\\copy (SELECT a, ' to ' AS w FROM t ORDER BY a LIMIT 1) to new.txt with (format csv, header)
\\copy t to rows.parquet
\\copy t (a) to plain csv
\\copy (SELECT count(*) AS n FROM 'rows.parquet') to stdout
";
    let done = run(&folder, script);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert_eq!(done.out, "n\n2\n");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    assert_eq!(read("plain.csv"), "a,b\n1,x;y\n2,\n");
    assert_eq!(read("old.csv"), "\"x;y\";1\n-;2\n");
    assert_eq!(read("new.txt"), "a,w\n1,\" to \"\n");
    assert_eq!(read("plain"), "1\n2\n");
}

#[test]
fn rows_of_a_file_are_read_by_the_types_of_the_table() {
    let folder = shop();
    fs::write(
        folder.path().join("rows.txt"),
        "code;born;note\n007;2024-02-29;\"a\nb; \"\"c\"\"\"\n008;-;\n",
    )
    .unwrap();
    let script = "CREATE TABLE t (id SERIAL, code TEXT NOT NULL, born DATE, note TEXT);
\\copy t (code, born, note) from rows.txt (format csv, header, delimiter ';', null '-')
SELECT code, born, note, born IS NULL AS unborn FROM t ORDER BY code;
\\dt *t*
";
    let done = run(&folder, script);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""));
    assert_eq!(
        done.out,
        "code,born,note,unborn\n007,2024-02-29,\"a\nb; \"\"c\"\"\",false\n008,,\"\",true\n\
         table_name,kind,rows,description\nt,table,2,\n"
    );
}

#[test]
fn files_with_names_of_columns_are_read_by_them() {
    let folder = shop();
    let script = "CREATE TABLE t (title TEXT, id BIGINT);
COPY (SELECT 9 AS id, 'boots' AS title) TO 'more.parquet';
\\copy t from more.parquet
\\copy t (id, title) from shop.csv
\\copy t from 'shop.csv' (format csv, header)
";
    let done = run(&folder, script);
    // The last one reads three values for two columns.
    assert_eq!(done.code, Some(1), "{}", done.err);
    let script = script.rsplit_once("\\copy").unwrap().0.to_string()
        + "SELECT count(*) AS n, max(id) AS id FROM t WHERE title IS NOT NULL;";
    let done = run(&folder, &script);
    assert_eq!(done.out, "n,id\n4,9\n", "{}", done.err);
}

#[test]
fn a_copy_that_fails_changes_nothing() {
    let folder = shop();
    fs::write(folder.path().join("wrong.csv"), "1\ntwo\n").unwrap();
    for (call, expected) in [
        ("\\copy t from wrong.csv csv", "two"),
        ("\\copy t from gone.csv csv", "gone.csv"),
        ("\\copy t from gone.parquet", "gone.parquet"),
        ("\\copy gone from wrong.csv csv", "gone"),
        ("\\copy (SELECT 1) from wrong.csv csv", "not into a query"),
        ("\\copy t from stdin csv", "from a file"),
        ("\\copy t to shop.csv/x.csv csv", "shop.csv"),
        ("\\copy t to x.csv (format text)", "text and binary"),
        ("\\copy t to stdout csv delimiter ';'", "stdout"),
        ("\\copy t", "\\copy TABLE"),
    ] {
        let before = names(folder.path());
        let script = format!("CREATE TABLE t (a INT);\n{call}\n");
        let done = run(&folder, &script);
        assert_eq!(done.code, Some(1), "{call}");
        assert!(
            done.err.contains("standard input:2: "),
            "{call}: {}",
            done.err
        );
        assert!(done.err.contains(expected), "{call}: {}", done.err);
        assert_eq!(names(folder.path()), before, "{call}");
    }
}

#[test]
fn standard_output_has_the_rows_alone() {
    let folder = shop();
    let done = semql(
        folder.path(),
        &[
            "-c",
            "\\copy (SELECT id, title FROM 'shop.csv' WHERE id < 2) to stdout csv",
        ],
    );
    assert_eq!(
        (done.code, done.out.as_str(), done.err.as_str()),
        (Some(0), "1,red shoes\n", "")
    );
}
