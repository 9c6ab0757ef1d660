//! Commands that change or draw what is shown: `\x`, `\format`, `\pset`,
//! `\timing`, `\echo`, `\chart`.

use super::{Call, switch};
use crate::error::{Result, ShellError};
use crate::output::chart::{self, ChartSpec};
use crate::output::{FORMATS, Format};
use crate::shell::{Flow, Shell};

/// Columns of a chart where no terminal says otherwise.
const WIDTH: usize = 100;

pub async fn expanded(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    shell.style.expanded = switch(&call, shell.style.expanded)?;
    let state = if shell.style.expanded { "on" } else { "off" };
    shell.confirm(&format!("Expanded display is {state}."));
    Ok(Flow::Continue)
}

pub async fn timing(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    shell.timing = switch(&call, shell.timing)?;
    let state = if shell.timing { "on" } else { "off" };
    shell.confirm(&format!("Timing is {state}."));
    Ok(Flow::Continue)
}

pub async fn format(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    if let Some(name) = call.first() {
        shell.style.format = name
            .parse::<Format>()
            .map_err(|error| ShellError::query(error.message))?;
    }
    let now = FORMATS
        .iter()
        .find(|(_, format)| *format == shell.style.format)
        .map_or("table", |(name, _)| *name);
    let line = format!("Results are written as {now}.");
    match call.first() {
        Some(_) => shell.confirm(&line),
        None => shell.say(&line),
    }
    Ok(Flow::Continue)
}

pub async fn pset(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    match call.words.as_slice() {
        [what, text] if what == "null" => shell.style.null.clone_from(text),
        [what] if what == "null" => {
            shell.say(&format!("NULL is shown as '{}'.", shell.style.null));
        }
        _ => return Err(ShellError::query("\\pset knows only: null TEXT")),
    }
    Ok(Flow::Continue)
}

pub async fn echo(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    shell.write_text(&call.words.join(" "))?;
    Ok(Flow::Continue)
}

pub async fn chart(shell: &mut Shell, call: Call<'_>) -> Result<Flow> {
    let waiting = std::mem::take(&mut shell.waiting);
    let spec: ChartSpec = call.rest.parse()?;
    if waiting
        && let Some(sql) = shell.statement.clone()
        && !shell.run_unseen(&sql).await?
    {
        return Err(ShellError::query(
            "the statement before \\chart gives no rows to draw",
        ));
    }
    let screen = shell.sink.writer()?.screen();
    let Some((schema, batches)) = shell.last.result() else {
        return Err(ShellError::query(
            "there is no result to draw: run a query first (a very large result is not kept)",
        ));
    };
    let width = shell.style.width.or(screen).unwrap_or(WIDTH);
    let color = shell.style.color && screen.is_some();
    let text = chart::render(schema, batches, &spec, width, color)?;
    shell.write_text(&text)?;
    Ok(Flow::Continue)
}
