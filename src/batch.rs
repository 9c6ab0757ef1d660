//! Running without a prompt: `-f`, `-c`, standard input.

use std::io::{IsTerminal, Read};

use crate::args::Work;
use crate::error::Result;
use crate::script::{Script, decode};
use crate::shell::{Flow, Shell};

/// What there is to run: the files and commands of the command line, else
/// standard input, else nothing, which means a prompt. Every file is read
/// before the first statement runs, so a misspelt name costs nothing.
///
/// # Errors
/// A file that is absent or not text.
pub fn scripts(work: &[Work]) -> Result<Option<Vec<Script>>> {
    if work.is_empty() {
        if std::io::stdin().is_terminal() {
            return Ok(None);
        }
        return Ok(Some(vec![standard_input()?]));
    }
    let scripts = work
        .iter()
        .map(|work| match work {
            Work::File(path) if path.as_os_str() == "-" => standard_input(),
            Work::File(path) => Script::read(path),
            Work::Command(sql) => Ok(Script::new("-c", sql.as_str())),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Some(scripts))
}

fn standard_input() -> Result<Script> {
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(Script::new(
        "standard input",
        decode(bytes, "standard input")?,
    ))
}

/// Runs the scripts one after the other; the output appears when all are done.
///
/// # Errors
/// The first error of any of them; a file named with `-o` is then left as it was.
pub async fn run(shell: &mut Shell, scripts: &[Script]) -> Result<()> {
    for script in scripts {
        if shell.run_script(script).await? == Flow::Quit {
            break;
        }
    }
    shell.close()
}
