//! Text files as tables and scripts, through the program: encodings, types, quotes and
//! faults.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Done, program, semql};
use crate::support::{process, skip};

/// Rows of a query as CSV, without the header.
fn rows(folder: &Path, sql: &str) -> String {
    let done = semql(folder, &["-q", "--format", "csv", "-c", sql]);
    assert_eq!(done.code, Some(0), "{sql}\n{}", done.err);
    let lines: Vec<&str> = done.out.lines().skip(1).collect();
    lines.join("\n")
}

/// Message of a query that must fail.
fn failure(folder: &Path, sql: &str) -> String {
    let done = semql(folder, &["-q", "-c", sql]);
    assert_eq!(done.code, Some(1), "{sql}\n{}", done.out);
    done.err
}

fn put(folder: &Path, name: &str, content: impl AsRef<[u8]>) {
    fs::write(folder.join(name), content).unwrap();
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// The text in every encoding that is read, with and without a byte order mark.
fn encodings(text: &str) -> Vec<Vec<u8>> {
    let marked = format!("\u{feff}{text}");
    vec![
        text.as_bytes().to_vec(),
        marked.as_bytes().to_vec(),
        utf16(text, u16::to_le_bytes),
        utf16(text, u16::to_be_bytes),
        utf16(&marked, u16::to_le_bytes),
        utf16(&marked, u16::to_be_bytes),
    ]
}

/// The content as `gzip` packs it; `None` on a machine without `gzip`.
fn gzip(content: &[u8]) -> Option<Vec<u8>> {
    let mut command = Command::new("gzip");
    if command.arg("--version").output().is_err() {
        skip::skip("gzip");
        return None;
    }
    let mut command = Command::new("gzip");
    command
        .arg("-c")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    Some(process::output_with_input(&mut command, content).stdout)
}

#[test]
fn encodings_and_byte_order_marks_are_no_part_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let csv = "\"preis, netto\",id\r\n\"1,50 \u{20ac}\",7\r\n";
    let lines = "{\"preis, netto\":\"1,50 \u{20ac}\",\"id\":7}\n";
    let array = format!("[{}]", lines.trim());
    for (name, text) in [("a.csv", csv), ("a.jsonl", lines), ("a.json", &array)] {
        for (number, bytes) in encodings(text).into_iter().enumerate() {
            put(folder, name, &bytes);
            let sql = format!("SELECT id, \"preis, netto\" FROM '{name}' WHERE id = 7");
            let expected = "7,\"1,50 \u{20ac}\"";
            assert_eq!(rows(folder, &sql), expected, "{name} {number}");
            let Some(packed) = gzip(&bytes) else { continue };
            put(folder, &format!("{name}.gz"), packed);
            let sql = sql.replace(name, &format!("{name}.gz"));
            assert_eq!(rows(folder, &sql), expected, "{name}.gz {number}");
        }
    }
}

#[test]
fn scripts_in_every_encoding_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for bytes in encodings("SELECT '\u{e4}\u{1f600}' AS t;\r\n") {
        put(folder, "q.sql", &bytes);
        let file = semql(folder, &["-q", "--format", "csv", "-f", "q.sql"]);
        let mut command = program(folder);
        command.args(["--no-rc", "-q", "--format", "csv"]);
        let input = Done::from(process::output_with_input(&mut command, &bytes));
        for done in [file, input] {
            assert_eq!(done.code, Some(0), "{bytes:?} {}", done.err);
            assert_eq!(done.out, "t\n\u{e4}\u{1f600}\n");
        }
    }
    for (bytes, part) in [
        (b"SELECT 1\0".repeat(3), "syntax error"),
        (b"\xff\xfeS\0E".to_vec(), "UTF-16"),
        (b"SELECT '\xe4'".to_vec(), "not UTF-8"),
    ] {
        put(folder, "q.sql", &bytes);
        let done = semql(folder, &["-f", "q.sql"]);
        assert_ne!(done.code, Some(0), "{bytes:?}");
        assert!(done.err.contains(part), "{bytes:?}: {}", done.err);
    }
}

#[test]
fn scripts_without_statements_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for script in [
        "-- only; this",
        "/* a; */ -- b;\n/* c */\n",
        " ;; ;\n",
        " \n\t",
    ] {
        let done = semql(folder.path(), &["--format", "csv", "-c", script]);
        assert_eq!(
            (done.code, done.out.as_str()),
            (Some(0), ""),
            "{script:?} {}",
            done.err
        );
        let mut command = program(folder.path());
        command.args(["--no-rc", "--format", "csv"]);
        let done = Done::from(process::output_with_input(&mut command, script.as_bytes()));
        assert_eq!(
            (done.code, done.out.as_str()),
            (Some(0), ""),
            "{script:?} {}",
            done.err
        );
    }
    let done = semql(
        folder.path(),
        &[
            "-q",
            "--format",
            "csv",
            "-c",
            "SELECT 1 AS a; SELECT 2 AS a /* end; */",
        ],
    );
    assert_eq!(done.out, "a\n1\na\n2\n");
}

#[test]
fn quotes_tell_the_empty_text_from_null() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(
        folder,
        "t.csv",
        "id,s\n1,\"\"\n2,\n3,x\n4,\"a\n\"\"b\"\"\"\n",
    );
    let sql = "SELECT count(*), count(s), count(*) FILTER (WHERE s = ''), max(character_length(s)) FROM 't.csv'";
    assert_eq!(rows(folder, sql), "4,3,1,5");
    put(folder, "n.csv", "n,d\n\"1\",\"\"\n,2024-01-01\n");
    assert_eq!(
        rows(folder, "SELECT sum(n), count(n), count(d) FROM 'n.csv'"),
        "1,1,1"
    );
    put(folder, "one.csv", "s\r\na\r\n\r\n\"\"\r\n");
    assert_eq!(
        rows(folder, "SELECT count(*), count(s) FROM 'one.csv'"),
        "3,2"
    );
    let copy = "COPY (SELECT * FROM 't.csv' ORDER BY id) TO 'back.csv'";
    rows(folder, copy);
    assert_eq!(rows(folder, &sql.replace("t.csv", "back.csv")), "4,3,1,5");
}

#[test]
fn long_integers_keep_their_digits() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let columns = [
        ["9223372036854775807", "-9223372036854775808"],
        ["18446744073709551614", "18446744073709551615"],
        ["18446744073709551616", "-1"],
        ["99999999999999999999999999999999999999", "0"],
        ["999999999999999999999999999999999999999", "1"],
        ["9007199254740993", "0.5"],
    ];
    for (number, values) in columns.iter().enumerate() {
        let csv = format!("n\n{}\n{}\n", values[0], values[1]);
        let json = format!("{{\"n\":{}}}\n{{\"n\":{}}}\n", values[0], values[1]);
        let nested = format!("[{{\"o\":{{\"n\":[{},{}]}}}}]", values[0], values[1]);
        put(folder, "n.csv", csv);
        put(folder, "n.jsonl", json);
        put(folder, "o.json", nested);
        for sql in [
            "SELECT DISTINCT n FROM 'n.csv'",
            "SELECT DISTINCT n FROM 'n.jsonl'",
            "SELECT unnest(o['n']) FROM 'o.json'",
        ] {
            let mut found: Vec<String> = rows(folder, sql).lines().map(str::to_string).collect();
            // A decimal has the decimals of the column.
            for value in &mut found {
                if let Some(whole) = value.strip_suffix(".0") {
                    *value = whole.to_string();
                }
            }
            found.sort();
            let mut expected = values.map(str::to_string);
            expected.sort();
            assert_eq!(found, expected, "{number} {sql}");
        }
    }
}

#[test]
fn times_beyond_2262_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(
        folder,
        "t.csv",
        "t\n9999-12-31 23:59:59.999999\n2024-01-01 00:00:00\n",
    );
    let sql = "SELECT date_part('year', max(t)), count(*) FROM 't.csv'";
    assert_eq!(rows(folder, sql), "9999,2");
    put(folder, "n.csv", "t\n9999-12-31 23:59:59.123456789\n");
    assert_eq!(
        rows(folder, "SELECT t FROM 'n.csv'"),
        "9999-12-31 23:59:59.123456789"
    );
}

#[test]
fn delimiters_and_decimal_commas_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(
        folder,
        "p.csv",
        "Preis, netto;Menge;Artikel\n12,50;3;Stift\n-1,2;1;Heft\n",
    );
    assert_eq!(
        rows(
            folder,
            "SELECT sum(\"Preis, netto\"), sum(\"Menge\") FROM 'p.csv'"
        ),
        "11.3,4"
    );
    put(folder, "g.csv", "n;m\n1.234,50;1,234\n2,5;2,345\n");
    assert_eq!(
        rows(folder, "SELECT n, m FROM 'g.csv' LIMIT 1"),
        "\"1.234,50\",\"1,234\""
    );
    put(
        folder,
        "q.csv",
        "\"a;b\",\"c\"\n\"1;2\",\"x\"\n\"3;4\",\"y\"\n",
    );
    assert_eq!(
        rows(folder, "SELECT \"a;b\" FROM 'q.csv' WHERE c = 'y'"),
        "3;4"
    );
}

#[test]
fn odd_headers_and_bytes_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "h.csv", "a,a,,\"b\"\r1,2,3,x\ry\r");
    let error = failure(folder, "SELECT * FROM 'h.csv'");
    assert!(
        error.contains("line 3") && error.contains("1 field"),
        "{error}"
    );
    put(folder, "h.csv", "a,a,,\"b\"\r1,2,3,x\0y\r");
    let sql = "SELECT a, a_2, column_3, character_length(b) FROM 'h.csv'";
    assert_eq!(rows(folder, sql), "1,2,3,3");
    let long = "x".repeat(20 << 20);
    put(folder, "long.csv", format!("id,t\n1,\"{long}\"\n2,y\n"));
    assert_eq!(
        rows(
            folder,
            "SELECT max(character_length(t)), count(*) FROM 'long.csv'"
        ),
        format!("{},2", long.len())
    );
}

#[test]
fn faults_name_file_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // The fault is beyond what is sampled of a packed file.
    let mut csv = String::from("n,t\n");
    let mut json = String::new();
    let filling = "filling ".repeat(100);
    let mut lines = 1;
    while csv.len() < 9 << 20 {
        csv.push_str(&format!("1,{filling}\n"));
        json.push_str(&format!("{{\"n\":1,\"t\":\"{filling}\"}}\n"));
        lines += 1;
    }
    let late_csv = format!("{csv}1.5,x\n");
    let late_json = format!("{json}{{\"n\":\"x\",\"t\":\"x\"}}\n");
    for (name, text, line, column) in [
        ("late.csv", &late_csv, lines + 1, "column 'n'"),
        ("late.jsonl", &late_json, lines, "'n'"),
    ] {
        let Some(packed) = gzip(text.as_bytes()) else {
            return;
        };
        let name = format!("{name}.gz");
        put(folder, &name, packed);
        let error = failure(folder, &format!("SELECT sum(n) FROM '{name}'"));
        for part in [name.as_str(), &format!("line {line}"), column] {
            assert!(error.contains(part), "{name}: {part} in {error}");
        }
    }
    put(folder, "bad.json", "[{\"a\":1},\n{\"a\":\n}]");
    let error = failure(folder, "SELECT * FROM 'bad.json'");
    assert!(
        error.contains("line 3") || error.contains("line 2"),
        "{error}"
    );
}

#[test]
fn long_files_of_lines_are_read_once_by_several_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let filling = "\u{e4}".repeat(200);
    let text: String = (0..60_000)
        .map(|n| format!("{{\"n\":{n},\"t\":\"{filling}\"}}\n"))
        .collect();
    for (name, bytes) in [
        ("utf8.jsonl", text.as_bytes().to_vec()),
        ("utf16.jsonl", utf16(&text, u16::to_be_bytes)),
    ] {
        put(folder, name, bytes);
        let sql = format!("SELECT count(*), sum(n), count(DISTINCT n) FROM '{name}'");
        assert_eq!(rows(folder, &sql), "60000,1799970000,60000", "{name}");
    }
}
