//! Names and values in SQL text, and small results of queries.

use arrow::array::RecordBatch;
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;

use crate::error::Result;

/// Quotes `name` as a SQL identifier.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes `text` as a SQL string.
pub fn string(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Runs a query, and returns its small result as one batch.
///
/// # Errors
/// A query that fails.
pub async fn query(ctx: &SessionContext, sql: &str) -> Result<RecordBatch> {
    let frame = ctx.sql(sql).await?;
    let schema = std::sync::Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await?;
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    Ok(concat_batches(&schema, &batches)?)
}

/// Integer of a cell; null is zero, such as the sum of no rows.
///
/// # Errors
/// A value that is not a number.
pub fn number(batch: &RecordBatch, row: usize, column: usize) -> Result<u64> {
    let array = cast(batch.column(column), &DataType::UInt64)?;
    let text = array_value_to_string(&array, row)?;
    Ok(text.parse().unwrap_or(0))
}

/// Text of a cell.
///
/// # Errors
/// A value that cannot be formatted.
pub fn text(batch: &RecordBatch, row: usize, column: usize) -> Result<String> {
    Ok(array_value_to_string(batch.column(column), row)?)
}
