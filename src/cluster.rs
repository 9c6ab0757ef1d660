//! Interface to the cluster, for `semql cluster ...` and `semql --cluster URL`.
//! Ballista doubles the size of the program, so the separate binary
//! `semql-cluster` implements [`Cluster`]; the small binary executes it.

use std::ffi::OsString;
use std::fmt::Debug;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::error::{ExitCode, Result, ShellError};

/// Binary that implements the cluster.
const CLUSTER_BINARY: &str = "semql-cluster";

/// Remote execution of a session's queries.
#[async_trait]
pub trait Remote: Debug + Send + Sync {
    /// Extends the configuration of a session.
    fn configured(&self, config: SessionConfig) -> SessionConfig;

    /// Prepares a session that has semql's functions, settings and files.
    ///
    /// # Errors
    /// If queries cannot run there.
    async fn install(&self, ctx: &SessionContext) -> Result<()>;
}

/// Implementation of the cluster that a binary passes to the shell.
pub trait Cluster {
    /// Runs `semql cluster ARGUMENTS` to completion.
    ///
    /// # Errors
    /// Those of the scheduler or executor.
    fn run(&self, arguments: &[OsString]) -> Result<ExitCode>;

    /// Connection to the cluster of `--cluster URL`.
    ///
    /// # Errors
    /// If the URL does not name a scheduler.
    fn remote(&self, url: &str) -> Result<Arc<dyn Remote>>;
}

/// Replaces this process by [`CLUSTER_BINARY`] with the same arguments.
///
/// # Errors
/// If the binary is missing or cannot be started.
pub fn exec_cluster_binary(line: &[OsString]) -> Result<ExitCode> {
    let mut command = Command::new(sibling_binary().unwrap_or_else(|| CLUSTER_BINARY.into()));
    command.args(line.iter().skip(1));
    let error = exec(command);
    Err(match error.kind() {
        std::io::ErrorKind::NotFound => ShellError::setup(format!(
            "cannot find {CLUSTER_BINARY}, the binary with the cluster, in the folder of this one or on the PATH: \
             `make cluster` builds it in a checkout of semql, `cargo install --path cluster` installs it"
        )),
        _ => ShellError::setup(format!("cannot start {CLUSTER_BINARY}: {error}")),
    })
}

/// The cluster binary in the folder of this one.
fn sibling_binary() -> Option<PathBuf> {
    let name = format!("{CLUSTER_BINARY}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::current_exe().ok()?.with_file_name(name);
    path.is_file().then_some(path)
}

/// Replaces this process; returns only on failure.
#[cfg(unix)]
fn exec(mut command: Command) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    command.exec()
}

#[cfg(not(unix))]
fn exec(mut command: Command) -> std::io::Error {
    match command.status() {
        Ok(status) => crate::exit::exit_with(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
