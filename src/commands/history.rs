//! `\s`: the history of the prompt.

use super::call::{Action, Call};
use crate::error::{Result, ShellError};
use crate::output::sink::Sink;
use crate::shell::Shell;
use crate::sources::location::expand_home;

/// Shows the inputs of the prompt, the oldest first, or writes them to a file, which
/// appears whole or not at all.
///
/// # Errors
/// If there is no history, or the file cannot be written.
pub async fn show(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    if !shell.interactive {
        return Err(ShellError::query(
            "\\s needs a prompt, since a script has no history",
        ));
    }
    let text: String = shell
        .history
        .iter()
        .flat_map(|entry| [entry, "\n"])
        .collect();
    match call.words.as_slice() {
        [] => shell.write_text(&text)?,
        [name] => {
            let mut file = Sink::file(&expand_home(name))?;
            file.writer()?.write_all(text.as_bytes())?;
            file.finish()?;
            shell.print_confirmation(&format!("Wrote the history to {name}."));
        }
        _ => return Err(ShellError::query("\\s takes one file")),
    }
    Ok(Action::Continue)
}
