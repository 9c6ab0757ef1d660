//! `\e`: a statement in an editor.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Call;
use crate::error::{Result, ShellError};
use crate::script::Script;
use crate::shell::{Flow, Shell};

pub async fn edit(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    if !std::io::stdin().is_terminal() {
        return Err(ShellError::query("\\e needs a terminal"));
    }
    if let Some(name) = call.first() {
        open(Path::new(name))?;
        let script = Script::read(Path::new(name))?;
        return Box::pin(shell.run_script(&script)).await;
    }
    let before = shell
        .statement
        .as_ref()
        .map(|sql| format!("{sql};\n"))
        .unwrap_or_default();
    let path = scratch(&before)?;
    open(path.as_ref())?;
    let script = Script::read(path.as_ref())?;
    if script.text == before {
        shell.say("Nothing was changed, so nothing runs. \\g runs it as it is.");
        return Ok(Flow::Continue);
    }
    eprintln!("{}", script.text.trim_end());
    let script = Script::new("", script.text);
    Box::pin(shell.run_script(&script)).await
}

/// A file that is gone when it is dropped.
fn scratch(text: &str) -> Result<tempfile::TempPath> {
    let file = tempfile::Builder::new()
        .prefix("semql-")
        .suffix(".sql")
        .tempfile()?;
    std::fs::write(file.path(), text)?;
    Ok(file.into_temp_path())
}

/// Opens a file in the editor and waits until it is closed.
fn open(path: &Path) -> Result<()> {
    let editor = ["VISUAL", "EDITOR"]
        .iter()
        .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
        .unwrap_or_else(|| OsString::from("vi"));
    // $EDITOR may hold arguments, so the system's shell reads it.
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
            "the editor '{}' failed ({status}); $VISUAL or $EDITOR names another",
            editor.display()
        )));
    }
    Ok(())
}
