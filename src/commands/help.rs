//! `\?` and `\h`.

use super::call::{Action, Call};
use super::command::BackslashCommand;
use super::functions::functions_of;
use crate::error::{Result, ShellError};
use crate::shell::Shell;
use crate::suggest::hint;

/// Statements and their descriptions, for `\h` without a name.
const STATEMENTS: &[(&str, &str)] = &[
    (
        "SELECT ... FROM 'products.parquet'",
        "files, globs and URLs are tables",
    ),
    (
        "SELECT categorize(title, text), COUNT(*) ... GROUP BY 1",
        "functions on text; \\df ai_* lists them",
    ),
    (
        "SELECT ai_extract(title, text, ['brand', 'color']) ...",
        "values in texts; ai.attributes names a set of attributes",
    ),
    (
        "CREATE EXTERNAL MODEL m TYPE openai LOCATION 'http://...'",
        "a language model behind an endpoint, with OPTIONS (model '...')",
    ),
    ("SELECT ... FROM _", "_ is the last result"),
    (
        "SUMMARIZE table | 'file' | (query)",
        "counts, nulls, ranges, frequent values",
    ),
    (
        "DESCRIBE table | 'file' | query",
        "columns, types, descriptions",
    ),
    (
        "SHOW TABLES | COLUMNS FROM t | FUNCTIONS | MODELS",
        "tables, columns, functions or models",
    ),
    (
        "COPY (query) TO 'out.parquet'",
        "writes a file whole or not at all",
    ),
    (
        "COPY (query) TO 'chart.svg' OPTIONS (chart 'bar')",
        "draws a chart: .svg, .png, .html, .vl.json",
    ),
    ("CREATE TABLE t AS SELECT ...", "keeps a result in memory"),
    ("CREATE VIEW v AS SELECT ...", "names a query"),
    (
        "SET ai.device = 'cpu'",
        "changes a setting; SHOW ALL lists them",
    ),
    ("EXPLAIN [ANALYZE] query", "shows the plan of a query"),
];

/// Writes the commands under the names of their groups.
pub fn commands(shell: &mut Shell, groups: &[(&str, &[BackslashCommand])]) -> Result<Action> {
    let call = |command: &BackslashCommand| format!("\\{} {}", command.name, command.arguments);
    let all = groups.iter().flat_map(|(_, commands)| *commands);
    let width = all.map(|it| call(it).chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, commands) in groups {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &format!("{name}\n");
        for command in *commands {
            text += &format!("  {:width$}  {}\n", call(command), command.help);
        }
    }
    shell.write_text(&text)?;
    Ok(Action::Continue)
}

pub async fn sql(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let Some(name) = call.first() else {
        let lines = STATEMENTS
            .iter()
            .map(|(sql, what)| ((*sql).to_string(), (*what).to_string()));
        let text =
            columns(lines) + "\\h NAME explains a function, \\? lists the backslash commands.\n";
        shell.write_text(&text)?;
        return Ok(Action::Continue);
    };
    let statements = statements_of(&call.words);
    if !statements.is_empty() {
        shell.write_text(&columns(statements.into_iter()))?;
        return Ok(Action::Continue);
    }
    let functions = functions_of(&shell.session.ctx.state());
    let name = name.trim_end_matches("()").to_lowercase();
    let Some(function) = functions.get(&name) else {
        let near = hint(&name, functions.keys().map(String::as_str));
        return Err(ShellError::query(format!(
            "unknown function '{name}'{near}"
        )));
    };
    let mut text = format!("{}\n", function.call);
    if let Some(documentation) = &function.documentation {
        text += &format!("\n{}\n", documentation.description.trim());
        for (name, what) in documentation.arguments.iter().flatten() {
            text += &format!("\n  {name}: {what}");
        }
        if let Some(example) = &documentation.sql_example {
            text += &format!("\n\n{}\n", example.trim());
        }
    }
    shell.write_text(&text)?;
    Ok(Action::Continue)
}

/// Statements that begin with these words, in any case, and their descriptions.
fn statements_of(words: &[String]) -> Vec<(String, String)> {
    let begins = |sql: &str| {
        let mut known = sql.split_whitespace();
        let mut words = words.iter();
        words.all(|word| known.next().is_some_and(|it| it.eq_ignore_ascii_case(word)))
    };
    let statements = STATEMENTS.iter().filter(|(sql, _)| begins(sql));
    statements
        .map(|(sql, what)| ((*sql).to_string(), (*what).to_string()))
        .collect()
}

/// Formats pairs of texts as two columns.
fn columns(lines: impl Iterator<Item = (String, String)>) -> String {
    let lines: Vec<_> = lines.collect();
    let width = lines
        .iter()
        .map(|(left, _)| left.chars().count())
        .max()
        .unwrap_or(0);
    lines
        .iter()
        .map(|(left, right)| format!("  {left:width$}  {right}\n"))
        .collect()
}
