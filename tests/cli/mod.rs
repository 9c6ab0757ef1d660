//! The program as a process: its output and its exit code.

mod batch;
mod cache;
mod client_copy;
mod commands;
mod copy;
mod delta;
mod demo;
mod dictionary;
mod dot_commands;
mod errors;
mod explore;
mod extractors;
mod figures;
mod file_sets;
mod index;
mod install;
pub mod interrupt;
mod language_models;
mod languages;
mod matchers;
mod models;
mod output;
mod prompt;
mod psql_commands;
mod refresh;
mod repl;
mod review;
mod round_trips;
mod sources;
mod text_files;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{process, skip};

/// Output and exit code of a process.
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

/// The program in `folder`, without the start-up file, history and settings of
/// the current user.
pub fn program(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_semql"));
    command
        .current_dir(folder)
        .env("HOME", folder)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_STATE_HOME")
        .env_remove("SEMQLRC")
        .env_remove("SEMQL_HISTORY")
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

/// The same, with the models and the runtime of this machine.
pub fn program_with_models(folder: &Path) -> Command {
    let mut command = program(folder);
    command.env("SEMQL_HOME", semql_udfs::models::home());
    command
}

/// Runs the program to its end.
pub fn semql(folder: &Path, args: &[&str]) -> Done {
    process::output(program(folder).args(args)).into()
}

/// The same with `input` on standard input.
pub fn semql_reading(folder: &Path, args: &[&str], input: &str) -> Done {
    process::output_with_input(program(folder).args(args), input.as_bytes()).into()
}

/// Runs another program to its end; skips the test on a machine without it.
pub fn tool(command: &mut Command) -> Option<Done> {
    let piped = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    match piped.spawn() {
        Ok(child) => Some(process::wait(child).into()),
        Err(_) => {
            skip::skip(&command.get_program().to_string_lossy());
            None
        }
    }
}

/// A folder with a small table in `shop.csv`.
pub fn shop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("shop.csv"),
        "id,title,price\n1,red shoes,20\n2,tea pot,15\n3,\"pen; blue\",2\n",
    )
    .unwrap();
    folder
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
