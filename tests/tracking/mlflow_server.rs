//! An MLflow server for one test.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::http;
use crate::support::process;
use crate::support::skip::skip;

/// Need of these tests. `scripts/test_setup.py` installs it.
const NEED: &str = "mlflow";

/// The server. It ends with this value.
pub struct MlflowServer {
    child: Child,
    folder: tempfile::TempDir,
    pub port: u16,
}

impl MlflowServer {
    /// Starts a server on a free port, with further arguments; skips the test where it is
    /// not installed.
    pub fn start(args: &[&str]) -> Option<Self> {
        let Some(program) = program() else {
            skip(NEED);
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(program)
            .args(["server", "--backend-store-uri", "sqlite:///runs.db"])
            .args(["--artifacts-destination", "artifacts"])
            .args(["--host", "127.0.0.1", "--port", "0", "--workers", "1"])
            .args(args)
            .current_dir(folder.path())
            .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            // The server has child processes.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let port = process::logged_port(&mut child, port_of_log);
        let mut server = Self {
            child,
            folder,
            port: 0,
        };
        match port {
            Ok(port) => server.port = port,
            Err(log) => panic!("mlflow has no port: {log}"),
        }
        Some(server)
    }

    /// Address of the server.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answer of the REST API.
    pub fn get(&self, path: &str) -> Value {
        let path = format!("/api/2.0/mlflow/{path}");
        http::request(self.port, "GET", &path, &[], "").json()
    }

    /// Answer of the REST API to `body`.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        let path = format!("/api/2.0/mlflow/{path}");
        let headers = [("Content-Type", "application/json")];
        http::request(self.port, "POST", &path, &headers, &body.to_string()).json()
    }

    /// Bytes of an artefact, as the server stores it.
    pub fn artifact(&self, uri: &str) -> Vec<u8> {
        let path = uri.strip_prefix("mlflow-artifacts:/").unwrap();
        std::fs::read(self.folder.path().join("artifacts").join(path)).unwrap()
    }

    /// Puts a file in the place of the folder of artefacts, so that none can be stored.
    pub fn break_artifacts(&self) {
        let path = self.folder.path().join("artifacts");
        let _ = std::fs::remove_dir_all(&path);
        std::fs::write(path, "").unwrap();
    }
}

impl Drop for MlflowServer {
    fn drop(&mut self) {
        let group = format!("-{}", self.child.id());
        let mut kill = Command::new("kill");
        process::output(kill.args(["-KILL", "--", &group]));
        let _ = self.child.wait();
    }
}

/// The program of `scripts/test_setup.py`, if it is installed.
fn program() -> Option<PathBuf> {
    // target/release/deps/main-...
    let test = std::env::current_exe().ok()?;
    let program = test.ancestors().nth(3)?.join("mlflow/bin/mlflow");
    program.is_file().then_some(program)
}

/// Port in the line `... Uvicorn running on http://127.0.0.1:PORT (...)`.
fn port_of_log(log: &str) -> Option<u16> {
    let (_, rest) = log.rsplit_once("running on http://127.0.0.1:")?;
    rest.split(' ').next()?.trim().parse().ok()
}
