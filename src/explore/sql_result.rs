//! Results of SQL statements as JSON for the page.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use futures::StreamExt;
use serde::Serialize;

use super::display_text::display_text;
use crate::dictionary::types::sql_name;
use crate::error::Result;
use crate::output::value::{Cells, is_number};
use crate::statement::{Outcome, StatementRunner, parser};

/// Rows of a result that the page receives.
pub const MAX_RESULT_ROWS: usize = 1_000;

/// Characters of a value that the page receives.
const MAX_VALUE_CHARS: usize = 2_000;

/// Result of a statement.
#[derive(Debug, Serialize)]
pub struct SqlResult {
    pub columns: Vec<SqlColumn>,
    /// Values as text; null for NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether the statement has more rows.
    pub more: bool,
    /// Message of a statement without rows.
    pub message: String,
}

#[derive(Debug, Serialize)]
pub struct SqlColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub type_name: String,
    pub number: bool,
    pub time: bool,
    pub nested: bool,
}

/// Runs the only statement in `sql`.
///
/// # Errors
/// Those of the statement.
pub async fn run_sql(runner: &StatementRunner, sql: &str) -> Result<SqlResult> {
    let statement = parser::parse_one(sql)?;
    let (schema, mut stream) = match runner.run(statement).await? {
        Outcome::Rows { schema, stream } => (schema, stream),
        Outcome::Done { message, .. } => {
            return Ok(SqlResult {
                columns: Vec::new(),
                rows: Vec::new(),
                more: false,
                message: if message.is_empty() {
                    "done".into()
                } else {
                    message
                },
            });
        }
    };
    let mut rows = Vec::new();
    let mut more = false;
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        let kept = batch.num_rows().min(MAX_RESULT_ROWS - rows.len());
        more = kept < batch.num_rows();
        append_rows(&batch.slice(0, kept), &mut rows)?;
        if more {
            break;
        }
    }
    Ok(SqlResult {
        columns: columns(&schema),
        rows,
        more,
        message: String::new(),
    })
}

fn columns(schema: &SchemaRef) -> Vec<SqlColumn> {
    let column = |name: &str, data_type: &DataType| SqlColumn {
        name: display_text(name, MAX_VALUE_CHARS),
        type_name: sql_name(data_type),
        number: is_number(data_type),
        time: matches!(
            data_type,
            DataType::Date32 | DataType::Date64 | DataType::Timestamp(_, _)
        ),
        nested: data_type.is_nested(),
    };
    schema
        .fields()
        .iter()
        .map(|field| column(field.name(), field.data_type()))
        .collect()
}

fn append_rows(batch: &RecordBatch, rows: &mut Vec<Vec<Option<String>>>) -> Result<()> {
    let cells = batch
        .columns()
        .iter()
        .map(Cells::of)
        .collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        let values = cells
            .iter()
            .map(|cells| Some(display_text(&cells.short(row)?, MAX_VALUE_CHARS)));
        rows.push(values.collect());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::session::{Session, SessionOptions};

    async fn run(sql: &str) -> SqlResult {
        let session = Session::open(&SessionOptions::default()).await.unwrap();
        let runner = StatementRunner::unobserved(Arc::new(session), CancellationToken::new());
        run_sql(&runner, sql).await.unwrap()
    }

    #[tokio::test]
    async fn values_are_text_and_columns_have_types() {
        let found =
            run("SELECT 1.5 AS x, NULL AS n, 'a' AS t, [1] AS l, DATE '2026-01-02' AS d").await;
        let shape = |c: &SqlColumn| (c.name.clone(), c.number, c.time, c.nested);
        assert_eq!(shape(&found.columns[0]), ("x".into(), true, false, false));
        assert_eq!(shape(&found.columns[3]), ("l".into(), false, false, true));
        assert_eq!(shape(&found.columns[4]), ("d".into(), false, true, false));
        let values: Vec<_> = found.rows[0].iter().map(Option::as_deref).collect();
        assert_eq!(
            values,
            [
                Some("1.5"),
                None,
                Some("a"),
                Some("[1]"),
                Some("2026-01-02")
            ]
        );
        assert!(!found.more);
    }

    #[tokio::test]
    async fn rows_are_limited_and_more_is_set() {
        let exact = run("SELECT * FROM generate_series(1, 1000)").await;
        assert_eq!((exact.rows.len(), exact.more), (MAX_RESULT_ROWS, false));
        let more = run("SELECT * FROM generate_series(1, 100000)").await;
        assert_eq!((more.rows.len(), more.more), (MAX_RESULT_ROWS, true));
        let none = run("SELECT 1 AS n WHERE false").await;
        assert_eq!((none.rows.len(), none.columns.len()), (0, 1));
    }
}
