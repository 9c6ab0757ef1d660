//! A server as a process, and psql as its client.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use super::wait::wait_until;
use crate::cli::{Done, program_with_models};
use crate::support::{process, skip};

/// Longest wait for a line of a process.
const LINE_TIMEOUT: Duration = Duration::from_secs(120);

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

/// Running server, killed when this value is dropped.
pub struct Server {
    pub child: Child,
    pub port: u16,
    pub address: String,
}

impl Server {
    /// Starts a server on a free port. Its log is `serve.log`.
    pub fn start(folder: &Path, args: &[&str]) -> Self {
        let mut command = serve(folder, &["--listen", "127.0.0.1:0"]);
        command.args(args);
        Self::start_with_log(command, &folder.join("serve.log")).0
    }

    /// Starts a server that writes its log to `log`. The lines are those of
    /// standard output behind the first one.
    pub fn start_with_log(mut command: Command, log: &Path) -> (Self, Lines) {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log).unwrap())
            .spawn()
            .unwrap();
        let lines = Lines::of(&mut child);
        let address = lines.next_line();
        let port = port_of(&address).unwrap_or_else(|| {
            let log = std::fs::read_to_string(log).unwrap();
            panic!("no address but {address:?}: {log}")
        });
        let server = Self {
            child,
            port,
            address,
        };
        (server, lines)
    }

    /// psql for this server, without commands.
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

    /// Runs commands in psql on one connection; rows come without headers.
    pub fn run(&self, commands: &[&str]) -> Done {
        let mut psql = self.psql("");
        psql.arg("--tuples-only");
        for command in commands {
            psql.args(["-c", command]);
        }
        process::output(&mut psql).into()
    }

    /// Runs a command that fails in psql, which shows the SQLSTATE, and then one
    /// that gives `on`.
    pub fn run_failing(&self, sql: &str) -> Done {
        let mut psql = self.psql("");
        psql.args(["--tuples-only", "-v", "VERBOSITY=verbose"]);
        psql.args(["-c", sql, "-c", "SELECT 'on'"]);
        process::output(&mut psql).into()
    }

    /// Rows of one query.
    pub fn rows(&self, sql: &str) -> String {
        let done = self.run(&[sql]);
        assert_eq!(done.code, Some(0), "{sql}: {}", done.err);
        done.out.trim_end().to_string()
    }

    /// Processor time of the server in clock ticks; `None` without `/proc`.
    pub fn cpu_ticks(&self) -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
    }

    /// Waits for the end of the server and gives its exit code.
    pub fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        wait_until("the server ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines of a process's standard output.
pub struct Lines(Receiver<String>);

impl Lines {
    /// Takes the standard output of a process.
    pub fn of(child: &mut Child) -> Self {
        let (sender, receiver) = channel();
        let out = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self(receiver)
    }

    /// Waits for the next line; empty after the last one.
    ///
    /// # Panics
    /// Without a line within [`LINE_TIMEOUT`].
    pub fn next_line(&self) -> String {
        match self.0.recv_timeout(LINE_TIMEOUT) {
            Ok(line) => line,
            Err(RecvTimeoutError::Disconnected) => String::new(),
            Err(error) => panic!("no line within {LINE_TIMEOUT:?}: {error}"),
        }
    }
}

/// Port in a URL of this machine.
pub fn port_of(url: &str) -> Option<u16> {
    let (_, rest) = url.split_once("127.0.0.1:")?;
    rest.split('/').next()?.trim().parse().ok()
}

/// Shop and its server for psql; skips the test without psql.
pub fn for_psql(args: &[&str]) -> Option<(tempfile::TempDir, Server)> {
    there_is("psql").then(|| {
        let folder = shop();
        let server = Server::start(folder.path(), args);
        (folder, server)
    })
}

/// Writes a file of passwords that only its owner may read.
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

/// Whether this machine has a program; skips the test without it.
pub fn there_is(program: &str) -> bool {
    let found = Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !found {
        skip::skip(program);
    }
    found
}

/// Sends a signal to a process.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .args([&format!("-{name}"), &child.id().to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}
