//! Tables in a bucket, of a server with the protocol of S3.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::program::{Done, done, program};
use crate::python::interpreter;

const CREATE_BUCKET: &str = "import boto3, sys
boto3.client('s3', endpoint_url=sys.argv[1]).create_bucket(Bucket='bucket')";

/// Variables that name the server and the credentials of the tests.
fn with_server(command: &mut Command, port: u16) -> &mut Command {
    command
        .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "s3cret-key")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env_remove("AWS_CA_BUNDLE")
}

/// Server of moto. It ends when this value is dropped.
struct Bucket {
    child: Child,
    port: u16,
}

impl Bucket {
    /// Starts the server with a bucket; `None` without the Python packages.
    fn start() -> Option<Self> {
        let python = interpreter()?;
        let port = {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            free.local_addr().unwrap().port()
        };
        let child = Command::new(&python)
            .args([
                "-m",
                "moto.server",
                "-H",
                "127.0.0.1",
                "-p",
                &port.to_string(),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let bucket = Self { child, port };
        for _ in 0..600 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let mut create = Command::new(&python);
        let url = format!("http://127.0.0.1:{port}");
        let created = done(with_server(create.args(["-c", CREATE_BUCKET, &url]), port));
        assert_eq!(created.code, Some(0), "{}", created.err);
        Some(bucket)
    }

    fn run(&self, folder: &Path, sql: &str) -> Done {
        let mut command = program(folder);
        done(with_server(
            command.args(["--format", "json", "-c", sql]),
            self.port,
        ))
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tables_in_a_bucket_are_read_and_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let Some(bucket) = Bucket::start() else {
        return;
    };
    let succeed = |sql: &str| {
        let done = bucket.run(folder, sql);
        assert_eq!(done.code, Some(0), "{sql}: {}", done.err);
        done.out
    };
    let fail = |sql: &str| {
        let done = bucket.run(folder, sql);
        assert_ne!(done.code, Some(0), "{sql}: {}", done.out);
        assert!(!done.err.contains("s3cret"), "{}", done.err);
        done.err
    };
    let table = "'s3://bucket/shop/table/'";
    let error = fail(&format!(
        "COPY (SELECT 1 AS id) TO {table} STORED AS DELTA OPTIONS (mode 'append')"
    ));
    assert!(error.contains("there is no table"), "{error}");
    succeed(&format!("COPY (SELECT 1 AS id) TO {table} STORED AS DELTA"));
    let error = fail(&format!("COPY (SELECT 1 AS id) TO {table} STORED AS DELTA"));
    assert!(error.contains("is a table already"), "{error}");
    succeed(&format!(
        "COPY (SELECT 2 AS id) TO {table} STORED AS DELTA OPTIONS (mode 'append')"
    ));
    let count = format!("SELECT count(*) AS n FROM {table}");
    assert!(succeed(&count).contains("\"n\":2"));
    let out = succeed(&format!(
        "CREATE EXTERNAL TABLE t STORED AS DELTATABLE LOCATION {table}; INSERT INTO t VALUES (3);
         SELECT sum(id) AS total FROM t"
    ));
    assert!(out.contains("\"total\":6"), "{out}");
    let old = succeed(&format!(
        "CREATE EXTERNAL TABLE t STORED AS DELTATABLE LOCATION {table} OPTIONS (version 0); SELECT count(*) AS n FROM t"
    ));
    assert!(old.contains("\"n\":1"), "{old}");
    succeed(&format!(
        "COPY (SELECT 9 AS id) TO {table} STORED AS DELTA OPTIONS (mode 'replace')"
    ));
    assert!(succeed(&count).contains("\"n\":1"));
    let plain = succeed("SELECT count(*) AS n FROM 's3://bucket/shop/table/*.parquet'");
    assert!(plain.contains("\"n\":4"), "{plain}");
    let error =
        fail("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://bucket/shop/table/'");
    assert!(error.contains("STORED AS DELTATABLE"), "{error}");
    // A folder of plain files is read as before.
    succeed("COPY (SELECT 5 AS id) TO 's3://bucket/plain/a.parquet'");
    assert!(succeed("SELECT id FROM 's3://bucket/plain/'").contains("\"id\":5"));
    let error = fail("COPY (SELECT 1 AS id) TO 's3://bucket/plain/' STORED AS DELTA");
    assert!(error.contains("is not empty"), "{error}");
}
