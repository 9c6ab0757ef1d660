//! Installation of semql: set-up, completions, the manual page.

mod manual;
pub mod setup;

use clap::CommandFactory;

use crate::args::{Args, InstallCommand};
use crate::error::{ExitCode, Result, ShellError};
use crate::output::sink::Sink;

/// Runs a subcommand that does not need a session.
///
/// # Errors
/// A machine without Python; a file that cannot be written.
pub fn run(args: &Args, command: &InstallCommand) -> Result<ExitCode> {
    let text = match command {
        InstallCommand::Setup(options) => return setup::run(options, args.quiet),
        InstallCommand::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), "semql", &mut script);
            script
        }
        InstallCommand::Man => manual::page(Args::command())
            .map_err(|error| ShellError::query(format!("cannot write the manual page: {error}")))?,
    };
    let mut sink = match &args.output {
        Some(path) => Sink::file(path)?,
        None => Sink::stdout(),
    };
    sink.writer()?.write_all(&text)?;
    sink.finish()?;
    Ok(ExitCode::Success)
}
