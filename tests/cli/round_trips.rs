//! What `COPY` and `--format` write reads back with the same values.

use std::fs;
use std::path::Path;

use super::semql;

/// Runs a statement, and returns the standard output.
fn output(folder: &Path, format: &str, sql: &str) -> String {
    let done = semql(folder, &["-q", "--format", format, "-c", sql]);
    assert_eq!(done.code, Some(0), "{sql}\n{}", done.err);
    done.out
}

/// Rows with hostile texts.
const TEXTS: &str = "SELECT * FROM (VALUES (1, ''), (2, NULL), (3, 'x'), (4, 'a,b;c' || chr(9) || 'd'), \
    (5, 'say \"hi\"'), (6, ' blank '), (7, 'line' || chr(10) || 'end' || chr(13)), (8, 'NULL'), \
    (9, chr(92) || 'N ' || chr(92)), (10, '#'), (11, 'café 🍵')) AS t(id, v)";

#[test]
fn texts_and_null_survive_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let expected = output(folder.path(), "ndjson", &format!("{TEXTS} ORDER BY id"));
    for target in [
        "a.csv",
        "a.tsv",
        "a.jsonl",
        "a.json",
        "a.parquet",
        "a.arrow",
        "a.csv.gz",
        "a.jsonl.zst",
    ] {
        output(
            folder.path(),
            "csv",
            &format!("COPY ({TEXTS}) TO '{target}'"),
        );
        let sql = format!("SELECT id, v FROM '{target}' ORDER BY id");
        assert_eq!(output(folder.path(), "ndjson", &sql), expected, "{target}");
    }
    for (format, target) in [("csv", "b.csv"), ("json", "b.json"), ("ndjson", "b.jsonl")] {
        let written = output(folder.path(), format, TEXTS);
        fs::write(folder.path().join(target), written).unwrap();
        let sql = format!("SELECT id, v FROM '{target}' ORDER BY id");
        assert_eq!(output(folder.path(), "ndjson", &sql), expected, "{target}");
    }
}

#[test]
fn copy_and_format_write_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let sql = "SELECT '' AS t, NULL AS n, 1.50::DECIMAL(5,2) AS d, [1.5, NULL] AS v, 'NaN'::DOUBLE AS f, \
               named_struct('a', 1, 'b', 'x,\"y') AS s, MAP {1: 'one'} AS m, DATE '1969-12-31' AS day, \
               arrow_cast('18446744073709551615', 'UInt64') AS u, [] AS nothing, \
               [named_struct('l', [named_struct('x', '')])] AS deep";
    for (format, target) in [("csv", "a.csv"), ("ndjson", "a.jsonl")] {
        output(folder.path(), "csv", &format!("COPY ({sql}) TO '{target}'"));
        let copied = fs::read_to_string(folder.path().join(target)).unwrap();
        assert_eq!(copied, output(folder.path(), format, sql), "{target}");
    }
    let csv = fs::read_to_string(folder.path().join("a.csv")).unwrap();
    let row = concat!(
        r#""",,1.50,"[1.5,null]",NaN,"{""a"":1,""b"":""x,\""y""}","{""1"":""one""}",1969-12-31,"#,
        r#"18446744073709551615,[],"[{""l"":[{""x"":""""}]}]""#
    );
    assert_eq!(csv.lines().nth(1), Some(row));
    let json = fs::read_to_string(folder.path().join("a.jsonl")).unwrap();
    let row: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(row["n"], serde_json::Value::Null);
    assert_eq!(row["f"], "NaN");
    assert!(json.contains(r#""u":18446744073709551615,"#), "{json}");
}

#[test]
fn numbers_and_dates_survive_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let sql = "SELECT * FROM (VALUES (1, 0.1::DOUBLE, DATE '1969-12-31', 9007199254740993, true), \
               (2, -0.0::DOUBLE, DATE '0001-01-01', -9223372036854775807, false), \
               (3, 1e-300, DATE '9999-12-31', 0, NULL), (4, NULL, NULL, NULL, NULL)) AS t(id, f, d, n, b)";
    let columns = "id, f, d::text AS d, n, b";
    let source = format!("SELECT {columns} FROM ({sql}) AS t ORDER BY id");
    let expected = output(folder.path(), "ndjson", &source);
    for target in ["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.arrow"] {
        output(folder.path(), "csv", &format!("COPY ({sql}) TO '{target}'"));
        let back = format!("SELECT {columns} FROM '{target}' ORDER BY id");
        assert_eq!(output(folder.path(), "ndjson", &back), expected, "{target}");
    }
}

#[test]
fn options_of_csv_are_followed() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |options: &str| {
        let sql = format!(
            "COPY (SELECT 'a;b' AS t, NULL AS n, '' AS e, DATE '2024-02-01' AS d, 7 AS i) \
             TO 'a.csv' OPTIONS ({options})"
        );
        output(folder.path(), "csv", &sql);
        fs::read_to_string(folder.path().join("a.csv")).unwrap()
    };
    assert_eq!(
        copy("delimiter ';', null_value '-', has_header false"),
        "\"a;b\";-;\"\";2024-02-01;7\n"
    );
    assert_eq!(
        copy("quote_style 'NonNumeric', date_format '%d.%m.%Y', has_header false"),
        "\"a;b\",,\"\",\"01.02.2024\",7\n"
    );
}
