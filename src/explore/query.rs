//! Queries that prepare a page, and the columns of their results.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::catalog::MemTable;
use futures::TryStreamExt;

use super::display_text::display_text;
use crate::error::{Result, ShellError};
use crate::statement::{Outcome, StatementRunner};

/// Table of the rows of a page; the SQL of the page can read it too.
pub const ROWS: &str = "explored";

/// Table of the words of a page.
pub const WORDS: &str = "explored_words";

/// Characters of a name or a title on a page.
pub const MAX_NAME_CHARS: usize = 300;

/// Runs a query and returns its rows as one batch.
///
/// # Errors
/// Those of the statement, without a line; a statement without rows.
pub async fn run_query(runner: &StatementRunner, sql: &str) -> Result<RecordBatch> {
    let last = runner.run_text(sql).await;
    let rows = match last.map(|last| last.outcome) {
        Ok(Outcome::Rows { schema, stream }) => stream
            .try_collect::<Vec<_>>()
            .await
            .map_err(ShellError::from)
            .and_then(|batches| {
                let schema = batches.first().map_or(schema, RecordBatch::schema);
                Ok(concat_batches(&schema, &batches)?)
            }),
        Ok(Outcome::Done { .. }) => Err(ShellError::query(format!("{sql} returned no rows"))),
        Err(error) => Err(error),
    };
    // The user does not see these queries, so their lines mean nothing.
    rows.map_err(|error| ShellError {
        line: None,
        ..error
    })
}

/// Runs a query and replaces the table `name` by its rows.
///
/// # Errors
/// Those of [`run_query`].
pub async fn replace_table(runner: &StatementRunner, name: &str, sql: &str) -> Result<RecordBatch> {
    let rows = run_query(runner, sql).await?;
    let table = MemTable::try_new(rows.schema(), vec![vec![rows.clone()]])?;
    let ctx = &runner.session().ctx;
    ctx.deregister_table(name)?;
    ctx.register_table(name, Arc::new(table))?;
    Ok(rows)
}

/// # Errors
/// If the query has no column of this name.
pub fn column<'a>(rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    rows.column_by_name(name)
        .ok_or_else(|| ShellError::query(format!("a query of the page returned no column {name}")))
}

/// Texts of a column for display, with at most `max_chars` characters.
///
/// # Errors
/// If the query has no column of this name.
pub fn texts(rows: &RecordBatch, name: &str, max_chars: usize) -> Result<Vec<Option<String>>> {
    let texts = cast(column(rows, name)?, &DataType::Utf8)?;
    let texts: &StringArray = texts.as_string();
    Ok(texts
        .iter()
        .map(|text| text.map(|text| display_text(text, max_chars)))
        .collect())
}

/// [`texts`] with an empty text for NULL.
///
/// # Errors
/// As [`texts`].
pub fn texts_or_empty(rows: &RecordBatch, name: &str, max_chars: usize) -> Result<Vec<String>> {
    let texts = texts(rows, name, max_chars)?;
    Ok(texts.into_iter().map(Option::unwrap_or_default).collect())
}

/// Numbers of a column, NaN for NULL.
///
/// # Errors
/// If the query has no column of this name.
pub fn floats(rows: &RecordBatch, name: &str) -> Result<Vec<f64>> {
    let values = cast(column(rows, name)?, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>();
    Ok(values
        .iter()
        .map(|value| value.unwrap_or(f64::NAN))
        .collect())
}
