//! `semql cluster ...` and `semql --cluster URL`. Ballista is as large as all the
//! rest, so both are in a binary of their own, `semql-cluster`, which is this
//! shell with a [`Cluster`] plugged in; the small binary hands over to it.

use std::ffi::OsString;
use std::fmt::Debug;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::args::{Args, Sub};
use crate::error::{ExitCode, Result, ShellError};

/// The binary that has the cluster in it.
const BINARY: &str = "semql-cluster";

/// Where the queries of a session run.
#[async_trait]
pub trait Remote: Debug + Send + Sync {
    /// The configuration of a session, which semql has set up already.
    fn configured(&self, config: SessionConfig) -> SessionConfig;

    /// Changes a session that has semql's functions, settings and files.
    ///
    /// # Errors
    /// If queries cannot run there.
    async fn install(&self, ctx: &SessionContext) -> Result<()>;
}

/// The cluster, as a binary plugs it into the shell.
pub trait Cluster {
    /// Runs `semql cluster ARGUMENTS` up to its end.
    ///
    /// # Errors
    /// Whatever ends it.
    fn run(&self, arguments: &[OsString]) -> Result<ExitCode>;

    /// The cluster of `--cluster URL`.
    ///
    /// # Errors
    /// If that names no scheduler.
    fn remote(&self, url: &str) -> Result<Arc<dyn Remote>>;
}

/// Whether the command line asks for what only [`BINARY`] has.
pub fn is_wanted(args: &Args) -> bool {
    args.cluster.is_some() || matches!(args.subcommand, Some(Sub::Cluster { .. }))
}

/// Becomes [`BINARY`] with the same command line, whose first word does not
/// count.
///
/// # Errors
/// If it is not there, or cannot be started.
pub fn hand_over(line: &[OsString]) -> Result<ExitCode> {
    let mut command = Command::new(beside().unwrap_or_else(|| BINARY.into()));
    command.args(line.iter().skip(1));
    let error = become_it(command)?;
    Err(match error.kind() {
        std::io::ErrorKind::NotFound => ShellError::setup(format!(
            "the cluster is in a binary of its own, {BINARY}, which is neither beside this one nor on the PATH: \
             `make cluster` builds it in a checkout of semql, `cargo install --path cluster` installs it"
        )),
        _ => ShellError::setup(format!("cannot start {BINARY}: {error}")),
    })
}

/// The binary in the folder of this one.
fn beside() -> Option<PathBuf> {
    let name = format!("{BINARY}{}", std::env::consts::EXE_SUFFIX);
    let beside = std::env::current_exe().ok()?.with_file_name(name);
    beside.is_file().then_some(beside)
}

/// Gives an error, or does not come back.
#[cfg(unix)]
fn become_it(mut command: Command) -> Result<std::io::Error> {
    use std::os::unix::process::CommandExt;
    Ok(command.exec())
}

#[cfg(not(unix))]
fn become_it(mut command: Command) -> Result<std::io::Error> {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => Ok(error),
    }
}
