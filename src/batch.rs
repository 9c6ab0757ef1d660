//! Runs scripts without a prompt: `-f`, `-c`, standard input.

use std::ffi::OsStr;
use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use crate::args::ScriptArg;
use crate::error::{Result, ShellError, io_reason};
use crate::interpreter::{Flow, run_script};
use crate::script::{Script, decode};
use crate::shell::Shell;

/// Scripts to run: the files and commands of the command line, else standard
/// input; `None` opens a prompt. All files are read before the first statement
/// runs, so that a missing file is reported first. A folder stands for its files.
///
/// # Errors
/// A file that is absent or not text; a folder without files of SQL.
pub fn scripts(arguments: &[ScriptArg]) -> Result<Option<Vec<Script>>> {
    if arguments.is_empty() {
        if std::io::stdin().is_terminal() {
            return Ok(None);
        }
        return Ok(Some(vec![standard_input()?]));
    }
    let mut scripts = Vec::new();
    for argument in arguments {
        match argument {
            ScriptArg::File(path) if path.as_os_str() == "-" => scripts.push(standard_input()?),
            ScriptArg::File(path) if path.is_dir() => {
                for file in sql_files(path)? {
                    scripts.push(Script::read(&file)?);
                }
            }
            ScriptArg::File(path) => scripts.push(Script::read(path)?),
            ScriptArg::Command(sql) => scripts.push(Script::new("-c", sql.as_str())),
        }
    }
    Ok(Some(scripts))
}

/// Files of SQL in a folder, without hidden ones and folders below it, in the order of
/// their names.
fn sql_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: &std::io::Error| {
        let reason = io_reason(error);
        ShellError::usage(format!("cannot read {}: {reason}", folder.display()))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| failed(&error))? {
        let path = entry.map_err(|error| failed(&error))?.path();
        let is_sql = path.extension() == Some(OsStr::new("sql"));
        let name = path.file_name().unwrap_or_default();
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        if is_sql && !is_hidden && !path.is_dir() {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(ShellError::usage(format!(
            "the folder {} has no files *.sql to run",
            folder.display()
        )));
    }
    files.sort();
    Ok(files)
}

fn standard_input() -> Result<Script> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(Script::new(
        "standard input",
        decode(&bytes, "standard input")?,
    ))
}

/// Runs the scripts in order, then closes the output.
///
/// # Errors
/// The first error; the output file of `-o` is then unchanged.
pub async fn run(shell: &mut Shell, scripts: &[Script]) -> Result<()> {
    for script in scripts {
        if run_script(shell, script).await? == Flow::Quit {
            break;
        }
    }
    shell.close()
}
