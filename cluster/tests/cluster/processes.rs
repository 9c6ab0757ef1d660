//! Schedulers, executors and clients, which end with the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tempfile::TempDir;

/// Environment variable that names the file of the secret.
pub const SECRET_VARIABLE: &str = "SEMQL_CLUSTER_SECRET_FILE";

/// The shell in `folder`, out of reach of whoever runs the tests, with the
/// models of this machine.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_semql-cluster"));
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env("SEMQL_HOME", semql_udfs::models::home())
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("SEMQLRC")
        .env_remove("SEMQL_HISTORY")
        .env_remove(SECRET_VARIABLE)
        .stdin(Stdio::null());
    command
}

/// How a client ended.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Done {
    /// The output of one that succeeded.
    pub fn rows(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self.out
    }

    /// The output as lines in some order: rows without ORDER BY have none.
    pub fn sorted(self) -> Vec<String> {
        let mut lines: Vec<String> = self.rows().lines().map(str::to_string).collect();
        lines.sort();
        lines
    }
}

/// A process that serves. It ends when it is dropped.
pub struct Server {
    child: Child,
    /// What it says, line by line.
    lines: Receiver<String>,
}

impl Server {
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                eprintln!("{line}");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The word behind `marker` in a line that it says; waits for that line.
    pub fn says(&self, marker: &str) -> String {
        let mut before = Vec::new();
        for line in &self.lines {
            if let Some((_, rest)) = line.split_once(marker) {
                return rest.split_whitespace().next().unwrap_or("").to_string();
            }
            before.push(line);
        }
        panic!("it ended without '{marker}': {before:?}");
    }

    /// As `kill -9` does it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A scheduler, and executors with a folder for each.
pub struct Cluster {
    pub scheduler: Server,
    pub executors: Vec<Server>,
    /// `host:port` of the scheduler.
    pub address: String,
    /// Where clients run.
    pub folder: TempDir,
    /// The file of the secret that all processes have.
    secret: Option<PathBuf>,
}

impl Cluster {
    pub fn start(executors: usize) -> Self {
        Self::with(executors, |_| {})
    }

    /// `change` is made to each executor's command.
    pub fn with(executors: usize, change: impl Fn(&mut Command)) -> Self {
        let mut cluster = Self::without_executors(None);
        for _ in 0..executors {
            cluster.add_executor(&change);
        }
        if executors > 0 {
            cluster.await_executors(executors);
        }
        cluster
    }

    /// A cluster whose processes have a secret. Clients wait for its executors.
    pub fn secured(executors: usize, secret: &str) -> Self {
        let mut cluster = Self::without_executors(Some(secret));
        for _ in 0..executors {
            cluster.add_executor(|_| {});
        }
        cluster
    }

    fn without_executors(secret: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = secret.map(|secret| secret_file(folder.path(), "cluster.secret", secret));
        let mut command = scheduler_command(folder.path(), "0");
        if let Some(secret) = &secret {
            command.arg("--secret-file").arg(secret);
        }
        let scheduler = Server::start(command);
        let address = scheduler.says("listens on ");
        Self {
            scheduler,
            executors: Vec::new(),
            address,
            folder,
            secret,
        }
    }

    fn add_executor(&mut self, change: impl Fn(&mut Command)) {
        let mut command = program(self.folder.path());
        command.args(["cluster", "executor", "--scheduler", &self.address]);
        command.arg("--concurrency=2").arg("--work-dir");
        command.arg(self.work(self.executors.len()));
        if let Some(secret) = &self.secret {
            command.arg("--secret-file").arg(secret);
        }
        change(&mut command);
        self.executors.push(Server::start(command));
    }

    /// The folder of an executor's results.
    pub fn work(&self, executor: usize) -> PathBuf {
        self.folder.path().join(format!("executor-{executor}"))
    }

    /// Waits until the scheduler knows so many.
    pub fn await_executors(&self, executors: usize) {
        let ready = format!("ready: {executors} ");
        while !get(&self.address, "/readyz").contains(&ready) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A client of the cluster.
    pub fn client(&self, args: &[&str]) -> Command {
        let mut command = program(self.path());
        command.args(["--cluster", &self.address, "--no-rc", "--format", "csv"]);
        command.args(args);
        if let Some(secret) = &self.secret {
            command.env(SECRET_VARIABLE, secret);
        }
        command
    }

    /// Runs `sql` in the cluster.
    pub fn there(&self, args: &[&str], sql: &str) -> Done {
        let output = self.client(args).args(["-c", sql]).output();
        output.unwrap().into()
    }

    /// Runs `sql` in a process of its own.
    pub fn here(&self, args: &[&str], sql: &str) -> Done {
        let mut command = program(self.path());
        command.args(["--no-rc", "--format", "csv"]).args(args);
        command.args(["-c", sql]).output().unwrap().into()
    }

    /// Whether both give the same rows, and the cluster gave its own.
    pub fn same(&self, args: &[&str], sql: &str) {
        let there = self.there(args, sql);
        assert!(
            !there.err.contains("ran in this process"),
            "{sql}: {}",
            there.err
        );
        let here = self.here(args, sql);
        assert_eq!(there.sorted(), here.sorted(), "{sql}");
    }

    /// Waits until an executor has results of its own, so that a query is in
    /// the middle.
    pub fn await_work(&self, executor: usize) {
        while !has_file(&self.work(executor)) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A scheduler that gives up executors soon.
pub fn scheduler(folder: &Path, port: &str) -> Server {
    Server::start(scheduler_command(folder, port))
}

fn scheduler_command(folder: &Path, port: &str) -> Command {
    let mut command = program(folder);
    command.args([
        "cluster",
        "scheduler",
        "--executor-timeout=8",
        "--port",
        port,
    ]);
    command
}

/// A file with a secret, which only its owner may read.
pub fn secret_file(folder: &Path, name: &str, secret: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, secret).unwrap();
    set_mode(&path, 0o600);
    path
}

#[cfg(unix)]
pub fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
pub fn set_mode(_: &Path, _: u32) {}

fn get(address: &str, path: &str) -> String {
    let Ok(mut stream) = TcpStream::connect(address) else {
        return String::new();
    };
    let asked = write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    );
    let mut answer = String::new();
    match asked.and_then(|()| stream.read_to_string(&mut answer)) {
        Ok(_) => answer,
        Err(_) => String::new(),
    }
}

/// Whether a file with something in it lies in the folder or below.
fn has_file(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => has_file(&path),
            false => path.metadata().is_ok_and(|file| file.len() > 0),
        }
    })
}

/// `offers.parquet` and `more.parquet`: rows whose words say what they are.
pub fn offers(cluster: &Cluster, rows: usize) {
    let sql = format!(
        "COPY (SELECT value AS docid,
            ['Acme', 'Novo', 'Orion', 'Petra', 'Quill'][value % 5 + 1] || ' '
            || ['running shoes', 'leather boots', 'silk scarf', 'paperback novel', 'cook book', 'blender',
                'frying pan', 'laptop', 'shampoo', 'tennis racket', 'stapler', 'jazz album'][value % 12 + 1]
            || ' no. ' || value AS title,
            CASE WHEN value % 3 > 0 THEN
                ['made with care', 'for every day', 'a fine gift', 'in stock now'][value % 4 + 1]
            END AS text,
            value % 10 AS price
         FROM generate_series(1, {rows})) TO 'offers.parquet';
         COPY (SELECT docid, title, price + 1 AS price FROM 'offers.parquet' WHERE docid % 7 = 0) TO 'more.parquet'"
    );
    let done = cluster.here(&[], &sql);
    assert_eq!(done.code, Some(0), "{}", done.err);
}
