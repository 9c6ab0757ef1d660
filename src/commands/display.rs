//! Commands on the display of results: `\x`, `\format`, `\timing`, `\echo`, `\chart`.

use semql_charts::TerminalChart;

use super::call::{Action, Call};
use crate::error::{Result, ShellError};
use crate::output::OutputFormat;
use crate::shell::Shell;

/// Width of a chart in columns, without a terminal.
const DEFAULT_CHART_WIDTH: usize = 100;

pub async fn expanded(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    shell.style.expanded = call.switch(shell.style.expanded)?;
    let state = if shell.style.expanded { "on" } else { "off" };
    shell.print_confirmation(&format!("Expanded display is {state}."));
    Ok(Action::Continue)
}

pub async fn timing(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    shell.timing = call.switch(shell.timing)?;
    let state = if shell.timing { "on" } else { "off" };
    shell.print_confirmation(&format!("Timing is {state}."));
    Ok(Action::Continue)
}

pub async fn format(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    if let Some(name) = call.first() {
        shell.style.format = name
            .parse::<OutputFormat>()
            .map_err(|error| ShellError::query(error.message))?;
    }
    let line = format!("The format of results is {}.", shell.style.format.name());
    match call.first() {
        Some(_) => shell.print_confirmation(&line),
        None => shell.print_notice(&line),
    }
    Ok(Action::Continue)
}

pub async fn echo(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    shell.write_text(&call.words.join(" "))?;
    Ok(Action::Continue)
}

pub async fn chart(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let pending = std::mem::take(&mut shell.statement_pending);
    let chart = TerminalChart::from_words(call.words)?;
    if pending
        && let Some(sql) = shell.statement.clone()
        && !shell.run_hidden(&sql).await?
    {
        return Err(ShellError::query(
            "the statement before \\chart returns no rows to draw",
        ));
    }
    let terminal_width = shell.sink.writer()?.terminal_width();
    let Some((schema, batches)) = shell.last_result.result() else {
        return Err(ShellError::query(
            "no result to draw; run a query first (very large results are not kept)",
        ));
    };
    let width = shell
        .style
        .width
        .or(terminal_width)
        .unwrap_or(DEFAULT_CHART_WIDTH);
    let color = shell.style.color && terminal_width.is_some();
    let text = chart.render(schema, batches, width, color)?;
    shell.write_text(&text)?;
    Ok(Action::Continue)
}
