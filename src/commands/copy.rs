//! `\copy`: rows to a file, or from a file into a table, in the syntax of psql.
//!
//! `request` and `row_format` read the command, `statements` makes statements of it. Files are those of
//! this machine, and the policy of the session applies.

mod request;
mod row_format;
mod statements;
mod usage;

use std::path::Path;

use datafusion::common::TableReference;

use super::call::{Action, Call};
use crate::error::{Result, ShellError};
use crate::output::{OutputFormat, Style};
use crate::shell::Shell;
use crate::sources::glob;
use crate::sources::location::local_path;
use crate::statement::copy_format::CopyFormat;
use crate::statement::syntax;
use request::{CopyRequest, CopySource, Endpoint};
use row_format::RowFormat;
use statements::{INPUT_TABLE, copy_to, input_table, insert, insert_from_file, select};

/// Runs `\copy`.
///
/// # Errors
/// Syntax; options that are not supported; those of the copy. After an error, file and
/// table are unchanged.
pub async fn run(shell: &mut Shell, call: Call<'_>) -> Result<Action> {
    let request = CopyRequest::parse(call.rest)?;
    // The statement before \copy stays the one that \g repeats.
    let statement = shell.statement.clone();
    let result = match (&request.endpoint, request.to) {
        (Endpoint::Client, true) => to_results(shell, &request).await,
        (Endpoint::File(file), true) => shell.run_sql(&copy_to(&request, file)).await,
        (Endpoint::File(file), false) => from_file(shell, &request, file).await,
        (Endpoint::Client, false) => Err(ShellError::query(
            "\\copy reads from a file; write the rows into one first",
        )),
    };
    shell.statement = statement;
    result?;
    Ok(Action::Continue)
}

/// `to stdout`: shows the rows as results.
async fn to_results(shell: &mut Shell, request: &CopyRequest) -> Result<()> {
    let copied = Style {
        format: result_format(&request.format, shell.style.format)?,
        header: match &request.format {
            RowFormat::Csv(format) => format.header,
            _ => shell.style.header,
        },
        ..shell.style.clone()
    };
    let style = std::mem::replace(&mut shell.style, copied);
    let result = shell.run_sql(&select(&request.source)).await;
    shell.style = style;
    result
}

fn result_format(format: &RowFormat, current: OutputFormat) -> Result<OutputFormat> {
    match format {
        RowFormat::OfFile => Ok(current),
        RowFormat::Named(name) => name
            .parse()
            .map_err(|error: ShellError| ShellError::query(error.message)),
        RowFormat::Csv(csv) if is_plain(csv) => Ok(OutputFormat::Csv),
        RowFormat::Csv(_) => Err(ShellError::query(
            "\\copy to stdout writes csv with , and \" only; copy to a file for other characters",
        )),
    }
}

/// Whether results in CSV have this format.
fn is_plain(format: &CopyFormat) -> bool {
    (format.delimiter, format.quote, format.escape) == (b',', b'"', b'"') && format.null.is_empty()
}

async fn from_file(shell: &mut Shell, request: &CopyRequest, file: &str) -> Result<()> {
    let CopySource::Table { name, columns } = &request.source else {
        return Err(ShellError::query(
            "\\copy reads rows into a table, not into a query",
        ));
    };
    let columns = match columns {
        Some(columns) => columns.clone(),
        None => all_columns(shell, name).await?,
    };
    let RowFormat::Csv(format) = &request.format else {
        return shell.run_sql(&insert_from_file(name, &columns, file)).await;
    };
    check_exists(file)?;
    // The rows are text, so that the types of the table decide how they are read.
    let result = match shell
        .run_quietly(&input_table(&columns, file, format))
        .await
    {
        Ok(()) => shell.run_sql(&insert(name, &columns, format)).await,
        Err(error) => Err(error),
    };
    let input = TableReference::bare(INPUT_TABLE);
    shell.session.ctx.deregister_table(input)?;
    result
}

/// Columns of a table, as identifiers of SQL.
async fn all_columns(shell: &mut Shell, name: &str) -> Result<Vec<String>> {
    let table = syntax::table_in(name)?;
    let session = std::sync::Arc::clone(&shell.session);
    let schema = shell
        .unless_interrupted(async {
            let provider = session.ctx.table_provider(table).await?;
            Ok(provider.schema())
        })
        .await?;
    let fields = schema.fields().iter();
    Ok(fields
        .map(|field| format!("\"{}\"", field.name().replace('"', "\"\"")))
        .collect())
}

/// Checks that a file of this machine exists. A table without files has no rows.
fn check_exists(file: &str) -> Result<()> {
    match local_path(file)? {
        Some(path) if !glob::is_pattern(file) && !Path::new(&path).exists() => Err(
            ShellError::query(format!("\\copy: cannot read {file}: no such file")),
        ),
        _ => Ok(()),
    }
}
