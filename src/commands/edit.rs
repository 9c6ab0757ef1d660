//! `\e`: edits a statement or a file in an editor and runs it.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::call::{Action, Call};
use crate::error::{Result, ShellError};
use crate::script::Script;
use crate::shell::Shell;

pub async fn edit(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    if !std::io::stdin().is_terminal() {
        return Err(ShellError::query("\\e needs a terminal"));
    }
    // The editor shows the open statement, which runs if it is changed.
    shell.statement_pending = false;
    if let Some(name) = call.first() {
        open(Path::new(name))?;
        let script = Script::read(Path::new(name))?;
        return Ok(Action::RunScript(script));
    }
    let before = shell
        .statement
        .as_ref()
        .map(|sql| format!("{sql};\n"))
        .unwrap_or_default();
    let path = temporary_file(&before)?;
    open(path.as_ref())?;
    let script = Script::read(path.as_ref())?;
    if script.text == before {
        shell.print_notice("The statement is unchanged and does not run; \\g runs it.");
        return Ok(Action::Continue);
    }
    eprintln!("{}", script.text.trim_end());
    Ok(Action::RunScript(Script::new("", script.text)))
}

/// Temporary file with `text`, deleted on drop.
fn temporary_file(text: &str) -> Result<tempfile::TempPath> {
    let file = tempfile::Builder::new()
        .prefix("semql-")
        .suffix(".sql")
        .tempfile()?;
    std::fs::write(file.path(), text)?;
    Ok(file.into_temp_path())
}

/// Opens a file in the editor and waits for the editor to end.
fn open(path: &Path) -> Result<()> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
        .unwrap_or_else(|| OsString::from("vi"));
    // $EDITOR may contain arguments, so the system shell parses it.
    let mut script = editor.clone();
    script.push(" \"$1\"");
    let status = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg("sh")
        .arg(path)
        .status()?;
    if !status.success() {
        let editor = PathBuf::from(editor);
        return Err(ShellError::query(format!(
            "the editor '{}' failed ({status}); set $VISUAL or $EDITOR to another",
            editor.display()
        )));
    }
    Ok(())
}
