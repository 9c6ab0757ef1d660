//! Commands on variables: `\set`, `\default`, `\unset`.

use super::call::{Action, Call};
use crate::error::{Result, ShellError};
use crate::shell::Shell;

pub async fn set(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    match call.words.split_first() {
        None => {
            let list: Vec<String> = shell
                .variables
                .iter()
                .map(|(name, value)| format!("{name} = '{value}'"))
                .collect();
            if list.is_empty() {
                shell.print_notice("No variables are set.");
            } else {
                shell.write_text(&list.join("\n"))?;
            }
        }
        Some((name, value)) => shell.variables.set(name, value.join(" "))?,
    }
    Ok(Action::Continue)
}

/// Sets a default, which `-v` overrides.
pub async fn default(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    match call.words.split_first() {
        Some((name, value)) if !value.is_empty() => {
            if shell.variables.get(name).is_none() {
                shell.variables.set(name, value.join(" "))?;
            }
            Ok(Action::Continue)
        }
        _ => Err(ShellError::query("\\default needs a name and a value")),
    }
}

pub async fn unset(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let [name] = call.words.as_slice() else {
        return Err(ShellError::query("\\unset needs one variable"));
    };
    shell.variables.unset(name)?;
    Ok(Action::Continue)
}
