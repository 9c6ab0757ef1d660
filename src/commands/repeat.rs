//! Commands on the last statement: `\g`, `\watch`, `\p`.

use std::time::Duration;

use super::call::{Action, Call};
use crate::error::{Result, ShellError};
use crate::shell::Shell;

/// Time between two runs of `\watch`.
const DEFAULT_WATCH_INTERVAL: Duration = Duration::from_secs(2);

fn statement(shell: &Shell) -> Result<String> {
    shell
        .statement
        .clone()
        .ok_or_else(|| ShellError::query("no statement has run yet"))
}

pub async fn go(shell: &mut Shell) -> Result<Action> {
    let sql = statement(shell)?;
    shell.run_sql(&sql).await?;
    Ok(Action::Continue)
}

pub async fn print(shell: &mut Shell) -> Result<Action> {
    let sql = statement(shell)?;
    shell.write_text(&format!("{sql};"))?;
    Ok(Action::Continue)
}

/// Repeats the statement until Ctrl-C, which is an error except at a prompt.
pub async fn watch(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let interval = match call.first() {
        None => DEFAULT_WATCH_INTERVAL,
        Some(text) => match text.parse::<f64>() {
            Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Duration::from_secs_f64(seconds),
            _ => {
                return Err(ShellError::query(format!(
                    "'{text}' is not a number of seconds"
                )));
            }
        },
    };
    let sql = statement(shell)?;
    loop {
        shell.run_sql(&sql).await?;
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            interrupted = shell.interrupts.next() => {
                return if shell.interactive { Ok(Action::Continue) } else { Err(interrupted) };
            }
        }
    }
}
