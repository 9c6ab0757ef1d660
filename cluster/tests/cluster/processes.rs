//! Schedulers, executors and clients, which end with the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Environment variable that names the file of the secret.
pub const SECRET_VARIABLE: &str = "SEMQL_CLUSTER_SECRET_FILE";

/// Arguments for a model without files, in tests that do not depend on the model.
pub const DETERMINISTIC: &[&str] = &["--set", "ai.model=deterministic"];

/// Deadline of every wait.
pub const TIMEOUT: Duration = Duration::from_secs(300);

/// Interval at which a state is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Polls until `state` returns a value.
fn wait_for<T>(description: &str, mut state: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(value) = state() {
            return value;
        }
        assert!(Instant::now() < deadline, "timeout: {description}");
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Command of the shell in `folder`, with the models of this machine but without
/// the user's configuration.
pub fn semql_command(folder: &Path) -> Command {
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

/// Exit code and output of a client.
#[derive(Debug)]
pub struct ClientOutput {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl ClientOutput {
    /// Standard output of a client that succeeded.
    pub fn rows(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// Sorted lines of the output, for rows without ORDER BY.
    pub fn sorted_rows(self) -> Vec<String> {
        let mut lines: Vec<String> = self.rows().lines().map(str::to_string).collect();
        lines.sort();
        lines
    }

    /// Asserts the exit code, and a part of standard error.
    pub fn assert_error(&self, code: i32, part: &str) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert!(self.stderr.contains(part), "{}", self.stderr);
    }
}

/// Child process that is killed when it is dropped.
struct Process(Child);

impl Process {
    fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Client that runs in the background.
pub struct Client {
    process: Process,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
}

impl Client {
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        Self {
            stdout: read_in_background(child.stdout.take().unwrap()),
            stderr: read_in_background(child.stderr.take().unwrap()),
            process: Process(child),
        }
    }

    /// Waits for the client to end.
    pub fn output(mut self) -> ClientOutput {
        let status = wait_for("a client ends", || self.process.0.try_wait().unwrap());
        ClientOutput {
            code: status.code(),
            stdout: self.stdout.join().unwrap(),
            stderr: self.stderr.join().unwrap(),
        }
    }
}

fn read_in_background(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        text
    })
}

/// Runs a command to its end.
pub fn run(command: Command) -> ClientOutput {
    Client::start(command).output()
}

/// Scheduler or executor.
pub struct Server {
    process: Process,
    /// Lines of standard error.
    lines: Receiver<String>,
}

impl Server {
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                eprintln!("{line}");
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            process: Process(child),
            lines,
        }
    }

    /// Waits for a line with `marker`, and returns the word after it.
    pub fn await_word_after(&self, marker: &str) -> String {
        let deadline = Instant::now() + TIMEOUT;
        let mut before = Vec::new();
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let line = match self.lines.recv_timeout(remaining) {
                Ok(line) => line,
                Err(error) => panic!("no line with '{marker}' ({error}): {before:?}"),
            };
            if let Some((_, rest)) = line.split_once(marker) {
                return rest.split_whitespace().next().unwrap_or("").to_string();
            }
            before.push(line);
        }
    }

    /// Kills the process with `SIGKILL`.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

/// Scheduler, and executors with a work folder each.
pub struct Cluster {
    pub scheduler: Server,
    pub executors: Vec<Server>,
    /// `host:port` of the scheduler.
    pub address: String,
    /// Working folder of all processes.
    folder: TempDir,
    /// File of the secret.
    secret: Option<PathBuf>,
}

impl Cluster {
    pub fn start(executors: usize) -> Self {
        Self::start_with(executors, |_| {})
    }

    /// `configure` changes the command of each executor.
    pub fn start_with(executors: usize, configure: impl Fn(&mut Command)) -> Self {
        let mut cluster = Self::without_executors(None);
        for _ in 0..executors {
            cluster.add_executor(&configure);
        }
        if executors > 0 {
            cluster.await_executors(executors);
        }
        cluster
    }

    /// Cluster whose processes have a secret. Clients wait for its executors.
    pub fn start_secured(executors: usize, secret: &str) -> Self {
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
        let address = scheduler.await_word_after("listens on ");
        Self {
            scheduler,
            executors: Vec::new(),
            address,
            folder,
            secret,
        }
    }

    fn add_executor(&mut self, configure: impl Fn(&mut Command)) {
        let mut command = semql_command(self.path());
        command.args(["cluster", "executor", "--scheduler", &self.address]);
        command.arg("--concurrency=2").arg("--work-dir");
        command.arg(self.work_dir(self.executors.len()));
        if let Some(secret) = &self.secret {
            command.arg("--secret-file").arg(secret);
        }
        configure(&mut command);
        self.executors.push(Server::start(command));
    }

    /// Folder of an executor's results.
    fn work_dir(&self, executor: usize) -> PathBuf {
        self.path().join(format!("executor-{executor}"))
    }

    /// Waits until this number of executors is registered at the scheduler.
    pub fn await_executors(&self, executors: usize) {
        let ready = format!("ready: {executors} ");
        wait_for("executors are registered", || {
            http_get(&self.address, "/readyz")
                .contains(&ready)
                .then_some(())
        });
    }

    /// Waits until an executor has written results, so that a query is running.
    pub fn await_results(&self, executor: usize) {
        wait_for("an executor has results", || {
            has_file(&self.work_dir(executor)).then_some(())
        });
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Command of a client of the cluster.
    pub fn client(&self, args: &[&str]) -> Command {
        let mut command = semql_command(self.path());
        command.args(["--cluster", &self.address, "--no-rc", "--format", "csv"]);
        command.args(args);
        if let Some(secret) = &self.secret {
            command.env(SECRET_VARIABLE, secret);
        }
        command
    }

    /// Runs `sql` in the cluster.
    pub fn run_remote(&self, args: &[&str], sql: &str) -> ClientOutput {
        let mut command = self.client(args);
        command.args(["-c", sql]);
        run(command)
    }

    /// Runs `sql` in a single process.
    pub fn run_local(&self, args: &[&str], sql: &str) -> ClientOutput {
        let mut command = semql_command(self.path());
        command.args(["--no-rc", "--format", "csv"]).args(args);
        command.args(["-c", sql]);
        run(command)
    }

    /// Asserts that the cluster runs `sql`, with the rows of a single process.
    pub fn assert_same(&self, args: &[&str], sql: &str) {
        let remote = self.run_remote(args, sql);
        assert!(
            !remote.stderr.contains("ran in this process"),
            "{sql}: {}",
            remote.stderr
        );
        let local = self.run_local(args, sql);
        assert_eq!(remote.sorted_rows(), local.sorted_rows(), "{sql}");
    }
}

/// Starts a scheduler with a short executor timeout.
pub fn start_scheduler(folder: &Path, port: &str) -> Server {
    Server::start(scheduler_command(folder, port))
}

fn scheduler_command(folder: &Path, port: &str) -> Command {
    let mut command = semql_command(folder);
    command.args([
        "cluster",
        "scheduler",
        "--executor-timeout=8",
        "--port",
        port,
    ]);
    command
}

/// Creates the file of a secret, readable by its owner only.
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

/// Response to `GET path`; empty on an error.
fn http_get(address: &str, path: &str) -> String {
    let request = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    };
    request().unwrap_or_default()
}

/// Whether the folder, or one below it, has a file that is not empty.
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

/// Creates `offers.parquet` and `more.parquet`, with titles that fit a category.
pub fn create_offers(cluster: &Cluster, rows: usize) {
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
    cluster.run_local(&[], &sql).rows();
}
