//! Commands on the last statement: `\g`, `\watch`, `\p`.

use std::time::Duration;

use super::Call;
use crate::error::{Result, ShellError};
use crate::shell::{Flow, Shell};

fn statement(shell: &Shell) -> Result<String> {
    shell
        .statement
        .clone()
        .ok_or_else(|| ShellError::query("there is no statement yet"))
}

pub async fn go(shell: &mut Shell) -> Result<Flow> {
    let sql = statement(shell)?;
    shell.run_sql(&sql).await?;
    Ok(Flow::Continue)
}

pub async fn print(shell: &mut Shell) -> Result<Flow> {
    let sql = statement(shell)?;
    shell.write_text(&format!("{sql};"))?;
    Ok(Flow::Continue)
}

/// Ctrl-C ends it: at a prompt as expected, elsewhere as an interruption.
pub async fn watch(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    let seconds = match call.first() {
        None => 2.0,
        Some(text) => match text.parse::<f64>() {
            Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => seconds,
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
        let pause = tokio::time::sleep(Duration::from_secs_f64(seconds));
        tokio::select! {
            () = pause => {}
            interrupted = shell.interrupts.next() => {
                return if shell.interactive { Ok(Flow::Continue) } else { Err(interrupted) };
            }
        }
    }
}
