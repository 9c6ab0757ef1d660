//! The policy of a server holds for whatever a log names.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::program::{Done, done, program, succeed};
use crate::skip::skip;

/// Server of `semql-delta`. It ends when this value is dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts a server; `None` on a machine without psql.
    fn start(folder: &Path, options: &[&str]) -> Option<Self> {
        if Command::new("psql").arg("--version").output().is_err() {
            skip("psql");
            return None;
        }
        let mut child = program(folder)
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.find_map(|line| {
            let line = line.unwrap();
            let (_, after) = line.split_once("127.0.0.1:")?;
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        });
        Some(Self {
            child,
            port: port.expect("the server prints its port"),
        })
    }

    fn ask(&self, sql: &str) -> Done {
        let port = self.port.to_string();
        let mut psql = Command::new("psql");
        psql.args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "semql",
            "-d",
            "datafusion",
        ])
        .args([
            "--no-psqlrc",
            "--tuples-only",
            "--no-align",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
        ]);
        done(&mut psql)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with the tables `in/table` and `out/secret`, each of one row.
fn tables() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for table in ["in/table", "out/secret"] {
        succeed(
            folder.path(),
            &format!("COPY (SELECT '{table}' AS name) TO '{table}/' STORED AS DELTA"),
        );
    }
    folder
}

#[test]
fn a_server_reads_tables_below_its_paths() {
    let folder = tables();
    let Some(server) = Server::start(&folder.path().join("in"), &[]) else {
        return;
    };
    assert_eq!(
        server.ask("SELECT name FROM 'table/'").out.trim(),
        "in/table"
    );
    for sql in [
        "SELECT name FROM '../out/secret/'",
        "SELECT name FROM 'table/../../out/secret/'",
        "CREATE EXTERNAL TABLE t STORED AS DELTA LOCATION '../out/secret/'",
        "SELECT name FROM 's3://bucket/secret/'",
    ] {
        let refused = server.ask(sql);
        assert_ne!(refused.code, Some(0), "{sql}: {}", refused.out);
        assert!(!refused.out.contains("secret"), "{sql}: {}", refused.out);
    }
    let refused =
        server.ask("COPY (SELECT 'x' AS name) TO 'table/' STORED AS DELTA OPTIONS (mode 'append')");
    assert_ne!(refused.code, Some(0), "{}", refused.out);
    assert_eq!(server.ask("SELECT count(*) FROM 'table/'").out.trim(), "1");
}

#[test]
fn files_that_a_log_names_elsewhere_are_refused() {
    let folder = tables();
    let secret = std::fs::read_dir(folder.path().join("out/secret"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "parquet")
        })
        .unwrap();
    let log = folder
        .path()
        .join("in/table/_delta_log/00000000000000000000.json");
    let whole = std::fs::read_to_string(&log).unwrap();
    let name = secret.file_name().unwrap().to_str().unwrap();
    let own = whole
        .split("\"path\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap()
        .to_string();
    let paths = [
        format!("../../out/secret/{name}"),
        format!("%2e%2e/%2e%2e/out/secret/{name}"),
        format!("file://{}", secret.display()),
        secret.display().to_string(),
        "http://169.254.169.254/latest/x.parquet".to_string(),
        "s3://bucket/x.parquet".to_string(),
        "data:text/plain,x".to_string(),
        "file:relative.parquet".to_string(),
    ];
    for path in &paths {
        std::fs::write(&log, whole.replace(&own, path)).unwrap();
        let Some(server) = Server::start(&folder.path().join("in"), &[]) else {
            return;
        };
        let refused = server.ask("SELECT name FROM 'table/'");
        assert_ne!(refused.code, Some(0), "{path}: {}", refused.out);
        assert!(!refused.out.contains("secret"), "{path}: {}", refused.out);
        // The server goes on.
        assert_eq!(server.ask("SELECT 1").out.trim(), "1", "{path}");
    }
    // A link to another folder is followed as far as the policy allows.
    #[cfg(unix)]
    {
        std::fs::write(&log, &whole).unwrap();
        let link = folder.path().join("in/link");
        std::os::unix::fs::symlink(folder.path().join("out/secret"), &link).unwrap();
        let Some(server) = Server::start(&folder.path().join("in"), &[]) else {
            return;
        };
        let refused = server.ask("SELECT name FROM 'link/'");
        assert_ne!(refused.code, Some(0), "{}", refused.out);
        assert_eq!(
            server.ask("SELECT name FROM 'table/'").out.trim(),
            "in/table"
        );
    }
}

#[test]
fn a_server_with_writes_writes_below_its_paths() {
    let folder = tables();
    let options = ["--allow-writes"];
    let Some(server) = Server::start(&folder.path().join("in"), &options) else {
        return;
    };
    let copy = |target: &str, mode: &str| {
        format!("COPY (SELECT 'new' AS name) TO '{target}' STORED AS DELTA OPTIONS (mode '{mode}')")
    };
    for (target, mode) in [
        ("table/", "append"),
        ("new/", "create"),
        ("new/", "replace"),
    ] {
        let done = server.ask(&copy(target, mode));
        assert_eq!(done.code, Some(0), "{target}: {}", done.err);
    }
    for (target, mode) in [
        ("../out/secret/", "append"),
        ("../out/new/", "create"),
        ("../out/secret/", "replace"),
    ] {
        let refused = server.ask(&copy(target, mode));
        assert_ne!(refused.code, Some(0), "{target}: {}", refused.out);
        assert!(refused.err.contains("allow"), "{target}: {}", refused.err);
    }
    assert!(!folder.path().join("out/new").exists());
    assert_eq!(server.ask("SELECT count(*) FROM 'table/'").out.trim(), "2");
}
