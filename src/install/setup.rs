//! `semql setup`: installs ONNX Runtime and the default model, with the script
//! of `make setup`.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use semql_udfs::models::home;

use crate::args::SetupArgs;
use crate::error::{ExitCode, Result, ShellError};

const SCRIPT: &str = include_str!("../../scripts/setup.py");

/// Commands of Python 3, in order of preference.
const PYTHONS: &[&str] = &["python3", "python"];

/// Runs the script, which prints its progress and what is missing.
///
/// # Errors
/// A machine without Python.
pub fn run(options: &SetupArgs, quiet: bool) -> Result<ExitCode> {
    let failed = |error| ShellError::setup(format!("cannot run the set-up script: {error}"));
    // In an empty folder, since Python imports modules from the script's folder.
    let folder = tempfile::tempdir().map_err(failed)?;
    let script = folder.path().join("setup.py");
    std::fs::write(&script, SCRIPT).map_err(failed)?;
    for python in PYTHONS {
        let mut command = Command::new(python);
        command.arg(&script);
        command.args(options.gpu.then_some("--gpu"));
        if let Some(names) = &options.providers {
            command.args(["--providers", names]);
        }
        if let Some(names) = &options.driver {
            command.args(["--driver", names]);
        }
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
            // The script printed the reason on standard error.
            Ok(_) => return Ok(ExitCode::Setup),
        }
    }
    Err(ShellError::setup(missing_python()))
}

fn missing_python() -> String {
    let home = home();
    format!(
        "{} is not on PATH, and set-up downloads with its pip. Install Python 3 with pip and run `semql setup` again; \
         or put ONNX Runtime's shared library (1.24 or later) into {}, and config.json, tokenizer.json and \
         model.safetensors of sentence-transformers/all-MiniLM-L6-v2 into {}",
        PYTHONS[0],
        home.join("onnxruntime").display(),
        home.join("models/all-minilm-l6-v2").display(),
    )
}
