//! Files as tables, through the engine.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};
use tempfile::TempDir;

use super::sample::MAX_SAMPLE_BYTES;
use super::{install, register_table};
use crate::error::{Result, ShellError};

fn context() -> SessionContext {
    let config = SessionConfig::new().with_information_schema(true);
    install(SessionContext::new_with_config(config), Arc::default()).unwrap()
}

async fn query(ctx: &SessionContext, sql: &str) -> Result<Vec<RecordBatch>> {
    Ok(ctx.sql(sql).await?.collect().await?)
}

/// The rows as text, cells joined by `|`.
async fn rows(ctx: &SessionContext, sql: &str) -> Vec<String> {
    let batches = query(ctx, sql)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let lines = table.lines().skip(3).filter(|line| line.starts_with('|'));
    lines
        .map(|line| {
            line.trim_matches('|')
                .split('|')
                .map(str::trim)
                .collect::<Vec<_>>()
                .join("|")
        })
        .collect()
}

async fn failure(ctx: &SessionContext, sql: &str) -> ShellError {
    query(ctx, sql).await.unwrap_err()
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_string()
    }
}

fn compressed(program: &str, content: &str) -> Option<Vec<u8>> {
    use std::process::{Command, Stdio};
    let mut child = Command::new(program)
        .arg("-c")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(content.as_bytes()).ok()?;
    Some(child.wait_with_output().ok()?.stdout)
}

#[tokio::test]
async fn every_kind_of_text_gives_the_same_rows() {
    let folder = Folder::new();
    let ctx = context();
    let files = [
        folder.put("a.csv", "id,name\n1,one\n2,two\n"),
        folder.put("b.csv", "id;name\n1;one\n2;two\n"),
        folder.put("c.tsv", "id\tname\n1\tone\n2\ttwo\n"),
        folder.put(
            "d.jsonl",
            "{\"id\":1,\"name\":\"one\"}\n{\"id\":2,\"name\":\"two\"}\n",
        ),
        folder.put(
            "e.json",
            "[{\"id\":1,\"name\":\"one\"},\n{\"id\":2,\"name\":\"two\"}]",
        ),
        folder.put("odd name [1] 100%.csv", "id,name\n1,one\n2,two\n"),
    ];
    for file in files {
        let found = rows(&ctx, &format!("SELECT * FROM '{file}' ORDER BY id")).await;
        assert_eq!(found, ["1|one", "2|two"], "{file}");
    }
}

#[tokio::test]
async fn compressed_files_are_read() {
    let folder = Folder::new();
    let ctx = context();
    for (program, extension) in [
        ("gzip", "gz"),
        ("zstd", "zst"),
        ("bzip2", "bz2"),
        ("xz", "xz"),
    ] {
        let Some(bytes) = compressed(program, "id,name\n1,one\n") else {
            eprintln!("{program} is not installed");
            continue;
        };
        let file = folder.put(&format!("x.csv.{extension}"), &bytes);
        assert_eq!(
            rows(&ctx, &format!("SELECT * FROM '{file}'")).await,
            ["1|one"],
            "{extension}"
        );
        let half = folder.put(&format!("half.csv.{extension}"), &bytes[..bytes.len() / 2]);
        let error = failure(&ctx, &format!("SELECT * FROM '{half}'")).await;
        assert!(error.message.contains("half.csv"), "{extension}: {error}");
    }
}

#[tokio::test]
async fn quotes_line_ends_and_replacement_characters_are_read() {
    let folder = Folder::new();
    let ctx = context();
    let backslash = folder.put("a.csv", "t,n\n\"say \\\"hi, you\\\"\",1\nplain,2\n");
    assert_eq!(
        rows(&ctx, &format!("SELECT t, n FROM '{backslash}' ORDER BY n")).await,
        ["say \"hi, you\"|1", "plain|2"]
    );
    let doubled = folder.put("b.csv", "t,n\n\"say \"\"hi\"\"\",1\n");
    assert_eq!(
        rows(&ctx, &format!("SELECT t, n FROM '{doubled}'")).await,
        ["say \"hi\"|1"]
    );
    let lines = folder.put("c.csv", "t,n\n\"one\ntwo\",1\n\u{fffd},2\n");
    let sql = format!("SELECT character_length(t), n FROM '{lines}' ORDER BY n");
    assert_eq!(rows(&ctx, &sql).await, ["7|1", "1|2"]);
}

#[tokio::test]
async fn types_include_late_values() {
    let folder = Folder::new();
    let ctx = context();
    let mut csv = String::from("n,code\n");
    let mut json = String::new();
    for i in 0..3000 {
        csv.push_str(&format!("{i},007\n"));
        json.push_str(&format!("{{\"n\":{i}}}\n"));
    }
    csv.push_str("0.5,1\n");
    json.push_str("{\"n\":0.5}\n");
    let csv = folder.put("a.csv", csv);
    let json = folder.put("a.jsonl", json);
    for file in [&csv, &json] {
        assert_eq!(
            rows(&ctx, &format!("SELECT sum(n) FROM '{file}'")).await,
            ["4498500.5"],
            "{file}"
        );
    }
    assert_eq!(
        rows(
            &ctx,
            &format!("SELECT DISTINCT code FROM '{csv}' ORDER BY 1")
        )
        .await,
        ["007", "1"]
    );
}

#[tokio::test]
async fn the_end_of_a_long_file_is_sampled() {
    let folder = Folder::new();
    let ctx = context();
    let mut csv = String::from("n,t\n");
    let mut json = String::new();
    while (csv.len().min(json.len()) as u64) < MAX_SAMPLE_BYTES + 1000 {
        csv.push_str("1,\"filling, filling, filling, filling, filling\"\n");
        json.push_str("{\"n\":1,\"t\":\"filling, filling, filling, filling\"}\n");
    }
    csv.push_str("0.5,x\n");
    json.push_str("{\"n\":0.5,\"t\":\"x\",\"new\":true}\n");
    for (file, sql) in [
        (folder.put("a.csv", csv), "SELECT min(n) FROM"),
        (
            folder.put("a.jsonl", json),
            "SELECT min(n) FILTER (WHERE new) FROM",
        ),
    ] {
        assert_eq!(
            rows(&ctx, &format!("{sql} '{file}'")).await,
            ["0.5"],
            "{file}"
        );
    }
}

#[tokio::test]
async fn numbers_beside_text_and_long_arrays_are_read() {
    let folder = Folder::new();
    let ctx = context();
    let mixed = "{\"n\":1,\"p\":12.5,\"q\":{\"r\":[1,\"x\"]}}\n{\"n\":2,\"p\":\"13 EUR\"}\n{\"n\":3,\"p\":true}\n";
    let array = format!("[{}]", mixed.trim().replace('\n', ","));
    for file in [folder.put("m.jsonl", mixed), folder.put("m.json", array)] {
        let sql = format!("SELECT p, q['r'][1], n FROM '{file}' ORDER BY n");
        assert_eq!(
            rows(&ctx, &sql).await,
            ["12.5|1|1", "13 EUR||2", "true||3"],
            "{file}"
        );
    }
    // Long enough that the engine would split it.
    let element = format!("{{\"n\":1,\"t\":\"{}\"}}", "],[".repeat(100));
    let long = vec![element.as_str(); 60_000].join(",\n");
    let file = folder.put("long.json", format!("[{long}]"));
    let sql = format!("SELECT sum(n), max(character_length(t)) FROM '{file}'");
    assert_eq!(rows(&ctx, &sql).await, ["60000|300"]);
    let half = folder.put("half.json", format!("[{long}"));
    let error = failure(&ctx, &format!("SELECT sum(n) FROM '{half}'")).await;
    assert!(error.message.contains("incomplete"), "{error}");
}

#[tokio::test]
async fn a_rewritten_file_is_read_again() {
    let folder = Folder::new();
    let ctx = context();
    let file = folder.put("a.csv", "a\n1\n");
    let sql = format!("SELECT * FROM '{file}'");
    assert_eq!(rows(&ctx, &sql).await, ["1"]);
    folder.put("a.csv", "a,b\nx,2\n");
    assert_eq!(rows(&ctx, &sql).await, ["x|2"]);
    folder.put("many/1.csv", "a\n1\n");
    let sql = format!("SELECT count(*) FROM '{}'", folder.path("many/"));
    assert_eq!(rows(&ctx, &sql).await, ["1"]);
    folder.put("many/2.csv", "a\n2\n");
    assert_eq!(rows(&ctx, &sql).await, ["2"]);
}

#[tokio::test]
async fn folders_and_patterns_name_many_files() {
    let folder = Folder::new();
    let ctx = context();
    folder.put("d/1.csv", "a,b\n1,x\n");
    folder.put("d/2.csv", "a,b\n2.5,y\n");
    folder.put("d/_SUCCESS", "");
    folder.put("d/README", "not data");
    folder.put("d/deep/3.csv", "a,b\n3,z\n");
    folder.put("d/deep/4.tsv", "a\tb\n3\tz\n");
    folder.put("h/kind=toys/1.csv", "a\n1\n");
    folder.put("h/kind=books/1.csv", "a\n2\n");
    let cases = [
        ("d", vec!["1.0", "2.5"]),
        ("d/", vec!["1.0", "2.5"]),
        ("d/*.csv", vec!["1.0", "2.5"]),
        ("d/**/*.csv", vec!["1.0", "2.5", "3.0"]),
        ("d/[1].csv", vec!["1"]),
        ("d/{1,deep/3}.csv", vec!["1", "3"]),
    ];
    for (name, expected) in cases {
        let sql = format!("SELECT a FROM '{}' ORDER BY a", folder.path(name));
        assert_eq!(rows(&ctx, &sql).await, expected, "{name}");
    }
    let sql = format!(
        "SELECT kind, a FROM '{}' WHERE kind = 'books'",
        folder.path("h")
    );
    assert_eq!(rows(&ctx, &sql).await, ["books|2"]);
}

#[tokio::test]
async fn parquet_and_arrow_come_back_as_written() {
    let folder = Folder::new();
    let ctx = context();
    let source = folder.put("a.csv", "id,name\n1,one\n2,two\n");
    for name in ["b.parquet", "b.arrow"] {
        let path = folder.path(name);
        query(
            &ctx,
            &format!("COPY (SELECT * FROM '{source}') TO '{path}'"),
        )
        .await
        .unwrap();
        let sql = format!("SELECT * FROM '{path}' ORDER BY id");
        assert_eq!(rows(&ctx, &sql).await, ["1|one", "2|two"], "{name}");
        let bytes = fs::read(&path).unwrap();
        let half = folder.put(&format!("half-{name}"), &bytes[..bytes.len() / 2]);
        let error = failure(&ctx, &format!("SELECT * FROM '{half}'")).await;
        assert!(error.message.contains("not a whole"), "{error}");
        assert!(error.message.contains("half-b"), "{error}");
    }
}

#[tokio::test]
async fn files_with_different_metadata_are_read_together() {
    let folder = Folder::new();
    let ctx = context();
    for (name, note) in [("p/1.parquet", "one"), ("p/2.parquet", "two")] {
        folder.put("p/x", "");
        let sql = format!(
            "COPY (SELECT 1 AS a) TO '{}' OPTIONS ('format.metadata::note' '{note}')",
            folder.path(name)
        );
        query(&ctx, &sql).await.unwrap();
    }
    let sql = format!("SELECT sum(a) FROM '{}'", folder.path("p/*.parquet"));
    assert_eq!(rows(&ctx, &sql).await, ["2"]);
}

#[tokio::test]
async fn unreadable_locations_have_helpful_errors() {
    let folder = Folder::new();
    let ctx = context();
    folder.put("products.csv", "a\n1\n");
    folder.put("empty.csv", "");
    folder.put("empty.parquet", "");
    folder.put("book.xlsx", "x");
    folder.put("uneven.csv", "a,b\n1,2\n1,2,3\n");
    folder.put("latin.csv", b"a,b\n1,caf\xe9\n");
    folder.put("bad.jsonl", "{\"a\":1}\n{\"a\":}\n");
    folder.put("mixed/1.csv", "a\n1\n");
    folder.put("mixed/2.jsonl", "{\"a\":1}\n");
    folder.put("differ/1.csv", "a\n1\n");
    folder.put("differ/2.csv", "b\n1\n");
    folder.put("none/README", "x");
    let cases: &[(&str, &[&str])] = &[
        (
            "prodcuts.csv",
            &["there is no file", "did you mean", "products.csv'"],
        ),
        ("mixd/1.csv", &["mixd", "did you mean 'mixed'"]),
        ("empty.csv", &["empty.csv' is empty"]),
        ("empty.parquet", &["empty.parquet' is empty"]),
        ("book.xlsx", &[".xlsx", ".parquet", ".jsonl"]),
        ("uneven.csv", &["uneven.csv' line 3", "3 fields", "2"]),
        ("latin.csv", &["line 2", "0xE9", "iconv"]),
        ("bad.jsonl", &["bad.jsonl' line 2"]),
        ("mixed", &["1.csv", "2.jsonl", "'*.csv'"]),
        ("differ/*.csv", &["2.csv", "b in place of a"]),
        ("none", &["no file of a known format", ".csv"]),
        ("*.parq", &["no file fits"]),
        ("nowhere/*.csv", &["nowhere"]),
    ];
    for (name, parts) in cases {
        let sql = format!("SELECT * FROM '{}'", folder.path(name));
        let error = failure(&ctx, &sql).await;
        for part in *parts {
            assert!(
                error.message.contains(part),
                "{name}: {part:?} is not in: {error}"
            );
        }
        assert!(!error.message.contains("Error"), "{name}: {error}");
    }
    let error = failure(&ctx, "SELECT * FROM 'ftp://h/a.csv'").await;
    assert!(
        error.message.contains("ftp://") && error.message.contains("s3://"),
        "{error}"
    );
}

#[tokio::test]
async fn the_engine_resolves_names_of_tables() {
    let ctx = context();
    let error = failure(&ctx, "SELECT * FROM products").await;
    assert!(
        error
            .message
            .contains("'datafusion.public.products' not found"),
        "{error}"
    );
    let ok = rows(
        &ctx,
        "WITH \"a.csv\" AS (SELECT 1 AS x) SELECT x FROM \"a.csv\"",
    )
    .await;
    assert_eq!(ok, ["1"]);
}

#[tokio::test]
async fn a_location_can_be_registered_under_a_name() {
    let folder = Folder::new();
    let ctx = context();
    let file = folder.put("a.csv", "id\n1\n");
    register_table(&ctx, "things", &file).await.unwrap();
    assert_eq!(rows(&ctx, "SELECT * FROM things").await, ["1"]);
    assert!(register_table(&ctx, "nothing", "absent.csv").await.is_err());
    let sql = format!("CREATE EXTERNAL TABLE e STORED AS CSV LOCATION '{file}'");
    query(&ctx, &sql).await.unwrap();
    assert_eq!(rows(&ctx, "SELECT * FROM e").await, ["1"]);
    assert!(Path::new(&file).exists());
}
