//! Names and values in SQL text, and reading small results of it.

use arrow::array::RecordBatch;
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::DataType;
use arrow::util::display::array_value_to_string;
use datafusion::prelude::SessionContext;

use crate::error::Result;

/// `name` as a SQL identifier that means exactly this name.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `text` as a SQL string.
pub fn string(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Runs a query whose result is small and gives all of it as one batch.
pub async fn query(ctx: &SessionContext, sql: &str) -> Result<RecordBatch> {
    let frame = ctx.sql(sql).await?;
    let schema = std::sync::Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await?;
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    Ok(concat_batches(&schema, &batches)?)
}

/// The whole number in a cell; null counts as zero, as sums over no rows do.
pub fn number(batch: &RecordBatch, row: usize, column: usize) -> Result<u64> {
    let array = cast(batch.column(column), &DataType::UInt64)?;
    let text = array_value_to_string(&array, row)?;
    Ok(text.parse().unwrap_or(0))
}

/// The cell's value as text.
pub fn text(batch: &RecordBatch, row: usize, column: usize) -> Result<String> {
    Ok(array_value_to_string(batch.column(column), row)?)
}
