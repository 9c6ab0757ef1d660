//! `semql setup`: ONNX Runtime and the default model, by the same script that
//! `make setup` runs.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use semql_udfs::models::home;

use crate::args::Setup;
use crate::error::{ExitCode, Result, ShellError};

const SCRIPT: &str = include_str!("../../scripts/setup.py");

/// The names of Python 3, the usual one first.
const PYTHONS: &[&str] = &["python3", "python"];

/// Runs the script, which says itself what it does and what it lacks.
///
/// # Errors
/// A machine without Python.
pub fn run(options: &Setup, quiet: bool) -> Result<ExitCode> {
    let failed = |why| ShellError::setup(format!("cannot run the set-up script: {why}"));
    // A file, in a folder of its own: Python looks for modules beside it.
    let folder = tempfile::tempdir().map_err(failed)?;
    let script = folder.path().join("setup.py");
    std::fs::write(&script, SCRIPT).map_err(failed)?;
    for python in PYTHONS {
        let mut command = Command::new(python);
        command.arg(&script);
        command.args(options.gpu.then_some("--gpu"));
        command.args(options.check.then_some("--check"));
        if quiet {
            command.stdout(Stdio::null());
        }
        match command.status() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
            Ok(status) if status.success() => return Ok(ExitCode::Success),
            Ok(status) if status.code() == Some(ExitCode::Interrupted as i32) => {
                return Err(ShellError::interrupted());
            }
            // It has said why on standard error.
            Ok(_) => return Ok(ExitCode::Setup),
        }
    }
    Err(ShellError::setup(without_python()))
}

fn without_python() -> String {
    let home = home();
    format!(
        "{} is not on PATH, and set-up fetches with its pip. Install Python 3 with pip and run `semql setup` again; \
         or put ONNX Runtime's shared library (1.24 or later) into {}, and config.json, tokenizer.json and \
         model.safetensors of sentence-transformers/all-MiniLM-L6-v2 into {}",
        PYTHONS[0],
        home.join("onnxruntime").display(),
        home.join("models/all-minilm-l6-v2").display(),
    )
}
