//! Runs scripts without a prompt: `-f`, `-c`, standard input.

use std::io::{IsTerminal, Read};

use crate::args::ScriptArg;
use crate::error::Result;
use crate::interpreter::{Flow, run_script};
use crate::script::{Script, decode};
use crate::shell::Shell;

/// Scripts to run: the files and commands of the command line, else standard
/// input; `None` opens a prompt. All files are read before the first statement
/// runs, so that a missing file is reported first.
///
/// # Errors
/// A file that is absent or not text.
pub fn scripts(arguments: &[ScriptArg]) -> Result<Option<Vec<Script>>> {
    if arguments.is_empty() {
        if std::io::stdin().is_terminal() {
            return Ok(None);
        }
        return Ok(Some(vec![standard_input()?]));
    }
    let scripts = arguments
        .iter()
        .map(|argument| match argument {
            ScriptArg::File(path) if path.as_os_str() == "-" => standard_input(),
            ScriptArg::File(path) => Script::read(path),
            ScriptArg::Command(sql) => Ok(Script::new("-c", sql.as_str())),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Some(scripts))
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
