//! Results of table functions that compute one batch.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::common::plan_err;
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::logical_expr::Expr;

/// # Errors
/// A call with arguments.
pub fn check_no_arguments(function: &str, arguments: &[Expr]) -> Result<()> {
    match arguments {
        [] => Ok(()),
        _ => plan_err!("{function} takes no arguments"),
    }
}

/// A table of one batch.
///
/// # Errors
/// Those of DataFusion.
pub fn memory_table(batch: RecordBatch) -> Result<Arc<dyn TableProvider>> {
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
    Ok(Arc::new(table))
}
