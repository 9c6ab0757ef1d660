//! Files and remote locations as tables, through the program.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;

use tempfile::TempDir;

use super::{Done, program, semql, shop};
use crate::support::process::{self, PROCESS_TIMEOUT};
use crate::support::skip;

/// Runs SQL that must succeed, and returns its rows as CSV without the header.
fn rows(folder: &Path, sql: &str) -> String {
    rows_of(semql(folder, &["--format", "csv", "-c", sql]), sql)
}

fn rows_of(done: Done, sql: &str) -> String {
    assert_eq!(done.code, Some(0), "{sql}\n{}", done.err);
    let lines: Vec<&str> = done.out.lines().skip(1).collect();
    lines.join("\n")
}

/// Server of the files in a folder. It ends when this value is dropped.
struct FileServer {
    child: Child,
    port: u16,
    home: TempDir,
}

impl FileServer {
    /// Starts the server; `None` on a machine without Python.
    fn start() -> Option<Self> {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("root")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/servers/hub.py");
        let started = Command::new("python3")
            .arg(script)
            .arg(home.path().join("root"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let Ok(mut child) = started else {
            skip::skip("python3");
            return None;
        };
        let stdout = child.stdout.take().unwrap();
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut ports = String::new();
            BufReader::new(stdout).read_line(&mut ports).unwrap();
            let _ = sender.send(ports);
        });
        let Ok(ports) = receiver.recv_timeout(PROCESS_TIMEOUT) else {
            let _ = child.kill();
            panic!("the server has no ports within {PROCESS_TIMEOUT:?}");
        };
        let port = ports.split_whitespace().next().unwrap().parse().unwrap();
        Some(Self { child, port, home })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    fn folder(&self) -> &Path {
        self.home.path()
    }

    fn root(&self, path: &str) -> PathBuf {
        self.home.path().join("root").join(path)
    }

    /// Writes the result of a query to a file of the server.
    fn put(&self, path: &str, query: &str) {
        let target = self.root(path);
        let sql = format!("COPY ({query}) TO '{}'", target.display());
        let done = semql(self.folder(), &["-c", &sql]);
        assert_eq!(done.code, Some(0), "{}", done.err);
    }

    /// The program, with this server as the hub and as the S3 endpoint.
    fn program(&self) -> Command {
        let mut program = program(self.folder());
        for variable in [
            "HF_TOKEN",
            "HF_TOKEN_PATH",
            "HF_HOME",
            "HF_HUB_OFFLINE",
            "XDG_CACHE_HOME",
        ] {
            program.env_remove(variable);
        }
        program
            .env("NO_PROXY", "127.0.0.1")
            .env("HF_ENDPOINT", self.url(""))
            .env("AWS_ENDPOINT_URL", self.url(""))
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_REGION", "eu-west-1");
        program
    }

    fn rows(&self, sql: &str) -> String {
        let done = process::output(self.program().args(["--format", "csv", "-c", sql]));
        rows_of(done.into(), sql)
    }

    /// Exit code and error of SQL that must fail.
    fn failure(&self, sql: &str) -> (Option<i32>, String) {
        let done: Done = process::output(self.program().args(["-c", sql])).into();
        assert_ne!(done.code, Some(0), "{sql}\n{}", done.out);
        assert!(done.out.is_empty(), "{}", done.out);
        (done.code, done.err)
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn files_are_tables_under_their_paths() {
    let folder = shop();
    assert_eq!(
        rows(folder.path(), "SELECT title FROM 'shop.csv' WHERE id = 3"),
        "pen; blue"
    );
    assert_eq!(
        rows(folder.path(), "SELECT count(*) FROM \"shop.csv\""),
        "3"
    );
    assert_eq!(rows(folder.path(), "SELECT count(*) FROM './*.csv'"), "3");
    assert_eq!(
        rows(
            folder.path(),
            "SELECT a.id FROM 'shop.csv' a JOIN 'shop.csv' b ON a.id = b.id + 2"
        ),
        "3"
    );
}

#[test]
fn the_error_for_an_absent_file_suggests_the_nearest_name() {
    let folder = shop();
    let done = semql(folder.path(), &["-c", "SELECT * FROM 'shpo.csv'"]);
    assert_eq!(done.code, Some(1));
    assert!(done.out.is_empty());
    assert!(
        done.err
            .contains("there is no file 'shpo.csv'; did you mean 'shop.csv'?"),
        "{}",
        done.err
    );
    assert!(!done.err.contains("panicked"));
}

#[test]
fn a_file_can_be_written_and_read_within_one_run() {
    let folder = shop();
    let sql = "COPY (SELECT 1 AS n) TO 'x.parquet'; SELECT n FROM 'x.parquet'; \
               COPY (SELECT 2 AS n) TO 'x.parquet'; SELECT n FROM 'x.parquet'";
    let done = semql(folder.path(), &["--format", "csv", "-c", sql]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let numbers: Vec<&str> = done.out.lines().filter(|line| *line != "n").collect();
    assert_eq!(numbers, ["1", "2"]);
}

#[test]
fn web_servers_with_and_without_ranges_are_read() {
    let Some(server) = FileServer::start() else {
        return;
    };
    server.put(
        "x.parquet",
        "SELECT value AS n FROM generate_series(1, 1000)",
    );
    server.put("x.csv", "SELECT value AS n FROM generate_series(1, 1000)");
    server.put(
        "x.jsonl.gz",
        "SELECT value AS n FROM generate_series(1, 1000)",
    );
    for behaviour in ["plain", "nohead", "norange", "flaky"] {
        for file in ["x.parquet", "x.csv", "x.jsonl.gz"] {
            let url = server.url(&format!("{behaviour}/{file}"));
            let sql = format!("SELECT count(*), sum(n) FROM '{url}' WHERE n > 10");
            assert_eq!(server.rows(&sql), "990,500445", "{behaviour} {file}");
        }
    }
    let signed = server.url("signed/x.csv?sig=yes");
    assert_eq!(
        server.rows(&format!("SELECT count(*) FROM '{signed}'")),
        "1000"
    );
}

#[test]
fn refusals_of_a_web_server_are_errors() {
    let Some(server) = FileServer::start() else {
        return;
    };
    server.put("x.csv", "SELECT value AS n FROM generate_series(1, 1000)");
    let cases = [
        ("plain/absent.csv", "there is no file"),
        ("signed/x.csv", "not allowed"),
        ("plain/*.csv", "web servers do not list"),
        ("plain/", "names no file"),
        ("plain/x", "no extension"),
        ("short/x.csv", "broke off"),
    ];
    for (path, expected) in cases {
        let (code, err) = server.failure(&format!("SELECT count(*) FROM '{}'", server.url(path)));
        assert_eq!(code, Some(1), "{path}: {err}");
        assert!(err.contains(expected), "{path}: {err}");
    }
    // A port without a listener.
    let (code, err) = server.failure("SELECT * FROM 'http://127.0.0.1:1/x.csv'");
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("cannot reach http://127.0.0.1:1"), "{err}");
    let (_, err) = server.failure(&format!(
        "COPY (SELECT 1 AS n) TO '{}'",
        server.url("plain/y.csv")
    ));
    assert!(err.contains("only be read"), "{err}");
}

#[test]
fn datasets_of_the_hub_are_read_by_file_pattern_and_revision() {
    let Some(server) = FileServer::start() else {
        return;
    };
    for shard in 0..5 {
        let path = format!("hub/shop/goods/main/data/train-{shard}.parquet");
        server.put(&path, &format!("SELECT {shard} AS n"));
    }
    server.put("hub/shop/goods/main/test.jsonl", "SELECT 7 AS n");
    server.put("hub/shop/goods/v1/data/train-0.parquet", "SELECT 100 AS n");
    server.put(
        "hub/shop/goods/refs%2Fconvert%2Fparquet/x/0.parquet",
        "SELECT 200 AS n",
    );
    let cases = [
        ("shop/goods/data/train-3.parquet", "1,3"),
        // More files than a page of the listing has.
        ("shop/goods/data/*.parquet", "5,10"),
        ("shop/goods/**/train-[0-2].parquet", "3,3"),
        ("shop/goods/data", "5,10"),
        ("shop/goods/test.jsonl", "1,7"),
        ("shop/goods@v1/data/*.parquet", "1,100"),
        ("shop/goods@refs/convert/parquet/x/0.parquet", "1,200"),
        ("shop/goods@~parquet/x/*.parquet", "1,200"),
    ];
    for (path, expected) in cases {
        let sql = format!("SELECT count(*), sum(n) FROM 'hf://datasets/{path}'");
        assert_eq!(server.rows(&sql), expected, "{path}");
    }
    let (code, err) = server.failure("SELECT * FROM 'hf://datasets/shop/goods/data/*.csv'");
    assert_eq!(code, Some(1));
    assert!(err.contains("no file fits"), "{err}");
    let (_, err) = server.failure("SELECT * FROM 'hf://datasets/shop/goods/absent.csv'");
    assert!(err.contains("there is no file"), "{err}");
}

#[test]
fn a_private_dataset_needs_a_token_which_stays_with_the_hub() {
    let Some(server) = FileServer::start() else {
        return;
    };
    for shard in 0..3 {
        server.put(
            &format!("hub/private/goods/main/{shard}.parquet"),
            &format!("SELECT {shard} AS n"),
        );
    }
    let sql = "SELECT sum(n) FROM 'hf://datasets/private/goods/*.parquet'";
    let (code, err) = server.failure(sql);
    assert_eq!(code, Some(3), "{err}");
    assert!(
        err.contains("HF_TOKEN") && err.contains("private/goods"),
        "{err}"
    );
    let run = |token: &str| -> Done {
        let mut program = server.program();
        program
            .env("HF_TOKEN", token)
            .args(["--format", "csv", "-c", sql]);
        process::output(&mut program).into()
    };
    // The host of the redirected files refuses requests with a token.
    assert_eq!(rows_of(run("secret"), sql), "3");
    let wrong = run("wrong");
    assert_eq!(wrong.code, Some(3));
    assert!(
        wrong.err.contains("may not read") && !wrong.err.contains("wrong\""),
        "{}",
        wrong.err
    );
}

#[test]
fn an_offline_hub_is_not_used() {
    let Some(server) = FileServer::start() else {
        return;
    };
    server.put("hub/shop/goods/main/0.parquet", "SELECT 1 AS n");
    let mut program = server.program();
    program
        .env("HF_HUB_OFFLINE", "1")
        .args(["-c", "SELECT * FROM 'hf://datasets/shop/goods/0.parquet'"]);
    let done: Done = process::output(&mut program).into();
    assert_eq!(done.code, Some(3), "{}", done.err);
    assert!(done.err.contains("HF_HUB_OFFLINE"), "{}", done.err);
}

#[test]
fn buckets_are_read_and_written() {
    let Some(server) = FileServer::start() else {
        return;
    };
    server.put("bucket-a/d/1.parquet", "SELECT 1 AS n");
    server.put("bucket-a/d/2.parquet", "SELECT 2 AS n");
    for path in ["d/*.parquet", "d/", "d"] {
        let sql = format!("SELECT count(*), sum(n) FROM 's3://bucket-a/{path}'");
        assert_eq!(server.rows(&sql), "2,3", "{path}");
    }
    let sql =
        "COPY (SELECT 5 AS n) TO 's3://bucket-a/new.csv'; SELECT n FROM 's3://bucket-a/new.csv'";
    assert_eq!(server.rows(sql), "5");
    let (_, err) = server.failure("SELECT * FROM 's3://bucket-a/absent.csv'");
    assert!(err.contains("no file"), "{err}");
}

#[test]
fn a_table_can_be_created_over_a_remote_file() {
    let Some(server) = FileServer::start() else {
        return;
    };
    server.put("x.parquet", "SELECT 1 AS n");
    let url = server.url("plain/x.parquet");
    let sql =
        format!("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION '{url}'; SELECT n FROM t");
    assert_eq!(server.rows(&sql), "1");
}
