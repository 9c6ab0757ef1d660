//! The rows of a SQL statement, for a browser.

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use futures::StreamExt;
use serde::Serialize;

use super::page::clean;
use crate::dictionary::types::sql_name;
use crate::error::Result;
use crate::output::value::{Cells, is_number};
use crate::session::Session;
use crate::statement::{self, Outcome, parser};

/// Rows that are shown; nobody reads more of them on a page.
pub const MOST_ROWS: usize = 1_000;

/// Characters of a value that are shown.
const LONGEST_VALUE: usize = 2_000;

#[derive(Debug, Serialize)]
pub struct Answer {
    pub columns: Vec<Column>,
    /// Values as text; null for NULL.
    pub rows: Vec<Vec<Option<String>>>,
    /// Whether there are more rows than these.
    pub more: bool,
    /// What a statement without rows did.
    pub message: String,
}

#[derive(Debug, Serialize)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub type_name: String,
    pub number: bool,
    pub time: bool,
    pub nested: bool,
}

/// Runs the one statement in `sql`.
///
/// # Errors
/// Whatever is wrong with it.
pub async fn answer(session: &Session, sql: &str) -> Result<Answer> {
    let statement = parser::parse_one(sql)?;
    let (schema, mut stream) = match statement::run(session, &statement).await? {
        Outcome::Rows { schema, stream } => (schema, stream),
        Outcome::Done { message, .. } => {
            return Ok(Answer {
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
        let wanted = batch.num_rows().min(MOST_ROWS - rows.len());
        more = wanted < batch.num_rows();
        add(&batch.slice(0, wanted), &mut rows)?;
        if more {
            break;
        }
    }
    Ok(Answer {
        columns: columns(&schema),
        rows,
        more,
        message: String::new(),
    })
}

fn columns(schema: &SchemaRef) -> Vec<Column> {
    let of = |name: &str, data_type: &DataType| Column {
        name: clean(name, LONGEST_VALUE),
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
        .map(|f| of(f.name(), f.data_type()))
        .collect()
}

fn add(batch: &RecordBatch, rows: &mut Vec<Vec<Option<String>>>) -> Result<()> {
    let cells = batch
        .columns()
        .iter()
        .map(Cells::of)
        .collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        let values = cells
            .iter()
            .map(|cells| Some(clean(&cells.short(row)?, LONGEST_VALUE)));
        rows.push(values.collect());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionOptions;

    async fn ask(sql: &str) -> Answer {
        let session = Session::open(&SessionOptions::default()).await.unwrap();
        answer(&session, sql).await.unwrap()
    }

    #[tokio::test]
    async fn values_are_text_and_the_rest_is_told() {
        let found =
            ask("SELECT 1.5 AS x, NULL AS n, 'a' AS t, [1] AS l, DATE '2026-01-02' AS d").await;
        let shape = |c: &Column| (c.name.clone(), c.number, c.time, c.nested);
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
    async fn rows_are_limited_and_that_is_told() {
        let exact = ask("SELECT * FROM generate_series(1, 1000)").await;
        assert_eq!((exact.rows.len(), exact.more), (MOST_ROWS, false));
        let more = ask("SELECT * FROM generate_series(1, 100000)").await;
        assert_eq!((more.rows.len(), more.more), (MOST_ROWS, true));
        let none = ask("SELECT 1 AS n WHERE false").await;
        assert_eq!((none.rows.len(), none.columns.len()), (0, 1));
    }
}
