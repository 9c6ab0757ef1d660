//! Interpreter of scripts: expands variables and dispatches each statement and
//! backslash command.

use crate::commands::{self, Action, Call};
use crate::error::{Result, ShellError};
use crate::script::{self, ItemKind, Script, ScriptItem};
use crate::shell::Shell;

/// Maximum depth of scripts that run each other with `\i`.
const MAX_SCRIPT_DEPTH: usize = 50;

/// Whether to run further input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    Quit,
}

/// Runs a script up to its end, `\q` or its first error.
///
/// # Errors
/// The first error, prefixed with its file and line.
pub async fn run_script(shell: &mut Shell, script: &Script) -> Result<Flow> {
    run_nested(shell, script, 1).await
}

async fn run_nested(shell: &mut Shell, script: &Script, depth: usize) -> Result<Flow> {
    if depth > MAX_SCRIPT_DEPTH {
        return Err(ShellError::query(format!(
            "{} is nested inside {MAX_SCRIPT_DEPTH} other files; check whether it includes itself",
            script.name
        )));
    }
    let (items, unterminated) = script::split(&script.text);
    for (at, item) in items.iter().enumerate() {
        let next = items.get(at + 1);
        let flow = run_item(shell, script, item, next, depth)
            .await
            .map_err(|error| script.locate_error(error, item.line))?;
        if flow == Flow::Quit {
            return Ok(Flow::Quit);
        }
    }
    match unterminated {
        Some(token) => Err(script.locate_error(ShellError::query(token.message), token.line)),
        None => Ok(Flow::Continue),
    }
}

async fn run_item(
    shell: &mut Shell,
    script: &Script,
    item: &ScriptItem,
    next: Option<&ScriptItem>,
    depth: usize,
) -> Result<Flow> {
    match item.kind {
        ItemKind::Command => match run_command(shell, script, item).await? {
            Action::Continue => Ok(Flow::Continue),
            Action::Quit => Ok(Flow::Quit),
            // Boxed, since a script may run another.
            Action::RunScript(script) => Box::pin(run_nested(shell, &script, depth + 1)).await,
        },
        ItemKind::Statement => {
            run_statement(shell, item, next).await?;
            Ok(Flow::Continue)
        }
    }
}

async fn run_command(shell: &mut Shell, script: &Script, item: &ScriptItem) -> Result<Action> {
    let (command, rest) = commands::find(&item.text)?;
    let words = match command.takes_line {
        true => Vec::new(),
        false => script::words(rest)?
            .iter()
            .map(|word| shell.variables.expand_word(word))
            .collect::<Result<Vec<_>>>()?,
    };
    let call = Call {
        rest,
        words,
        script,
    };
    (command.run)(shell, call).await
}

/// Runs a statement, or leaves it to the command `next` if it has no semicolon.
async fn run_statement(
    shell: &mut Shell,
    item: &ScriptItem,
    next: Option<&ScriptItem>,
) -> Result<()> {
    if let Some(error) = commands::translated(&item.text) {
        return Err(error);
    }
    let sql = shell.variables.expand(&item.text)?;
    if let (false, Some(command)) = (item.complete, next) {
        // `SELECT ... \g`: the command runs the statement.
        if !commands::find(&command.text)?.0.takes_statement {
            return Err(ShellError::query(format!(
                "the statement has no ; at its end, and {} on line {} follows",
                command.text, command.line
            )));
        }
        shell.statement = Some(sql);
        shell.statement_pending = true;
        return Ok(());
    }
    shell.run_sql(&sql).await
}
