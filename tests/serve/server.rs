//! A server as a process, and psql as its client.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::cli::{Done, program_with_models};

const DICTIONARY: &str = "\
version: 1
tables:
  - name: shop
    description: What the shop sells
    location: shop.csv
    columns:
      - name: id
        type: BIGINT
        description: Number of the article
      - name: title
        type: VARCHAR
        description: What it says on the label
      - name: price
        type: BIGINT
  - name: lost
    description: A table whose file is not there
    location: lost.parquet
";

/// A folder with a small table and its dictionary.
pub fn shop() -> tempfile::TempDir {
    let folder = crate::cli::shop();
    std::fs::write(folder.path().join("data_dict.yaml"), DICTIONARY).unwrap();
    folder
}

/// The program as a server of `folder`, not yet started.
pub fn serve(folder: &Path, args: &[&str]) -> Command {
    let mut program = program_with_models(folder);
    program
        .args(["--set", "ai.model=deterministic", "serve"])
        .args(args);
    program
}

/// A server that runs; it ends with this value.
pub struct Server {
    pub child: Child,
    pub port: u16,
    pub address: String,
}

impl Server {
    /// Starts one on a free port. What it says goes to `serve.log`.
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        let log = std::fs::File::create(folder.join("serve.log")).unwrap();
        let mut child = serve(folder, &["--listen", "127.0.0.1:0"])
            .args(args)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut address = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut address).unwrap();
        let port = address
            .split_once("127.0.0.1:")
            .and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
        let Some(port) = port else {
            let log = std::fs::read_to_string(folder.join("serve.log")).unwrap();
            panic!("no address but {address:?}: {log}");
        };
        Self {
            child,
            port,
            address: address.trim().to_string(),
        }
    }

    /// psql, ready to be given commands.
    pub fn psql(&self, connection: &str) -> Command {
        let mut psql = Command::new("psql");
        psql.args(["--no-psqlrc", "--no-align", "--quiet", "--no-password"])
            .arg(format!(
                "host=127.0.0.1 port={} dbname=datafusion connect_timeout=20 {connection}",
                self.port
            ))
            .env("PGUSER", "ada")
            .env_remove("PGPASSWORD")
            .stdin(Stdio::null());
        psql
    }

    /// What psql says to commands, one after the other on one connection;
    /// rows without headers.
    pub fn ask(&self, commands: &[&str]) -> Done {
        let mut psql = self.psql("");
        psql.arg("--tuples-only");
        for command in commands {
            psql.args(["-c", command]);
        }
        psql.output().unwrap().into()
    }

    /// What psql says to a command that fails, with its code, and to one behind
    /// it that answers `on`.
    pub fn failing(&self, sql: &str) -> Done {
        let mut psql = self.psql("");
        psql.args(["--tuples-only", "-v", "VERBOSITY=verbose"]);
        psql.args(["-c", sql, "-c", "SELECT 'on'"]);
        psql.output().unwrap().into()
    }

    /// The rows of one query.
    pub fn rows(&self, sql: &str) -> String {
        let done = self.ask(&[sql]);
        assert_eq!(done.code, Some(0), "{sql}: {}", done.err);
        done.out.trim_end().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A shop that is served to psql; says so where there is no psql.
pub fn for_psql(args: &[&str]) -> Option<(tempfile::TempDir, Server)> {
    there_is("psql").then(|| {
        let folder = shop();
        let server = Server::start(folder.path(), args);
        (folder, server)
    })
}

/// A file of passwords that nobody else reads, in `folder`.
pub fn passwords(folder: &Path, lines: &str) -> String {
    let path = folder.join("users");
    std::fs::write(&path, lines).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    path.to_str().unwrap().to_string()
}

/// Whether a program is on this machine; says so where it is not.
pub fn there_is(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        println!("skipped: there is no {program}");
    }
    found
}

/// psql's answer to SIGINT and the like.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}
