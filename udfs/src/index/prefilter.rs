//! Prefilters: the set of rows that pass a filter.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanBufferBuilder};
use arrow::buffer::BooleanBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, exec_err, internal_err};
use datafusion::error::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::functions::core::{file_row_index, input_file_name};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::filter::FilterExecBuilder;
use datafusion::physical_plan::projection::ProjectionExec;
use futures::TryStreamExt;

use semql_inference::vector_index::{IndexMetadata, Prefilter};

/// The plan of a prefilter. It returns file name and number of each row that passes, and
/// reads the columns of the filter only.
///
/// # Errors
/// A table or filter that cannot be planned.
pub async fn plan(
    table: &dyn TableProvider,
    filter: &Expr,
    state: &dyn Session,
) -> Result<Arc<dyn ExecutionPlan>> {
    let schema = table.schema();
    let mut columns: Vec<usize> = Vec::new();
    for column in filter.column_refs() {
        columns.push(schema.index_of(&column.name)?);
    }
    columns.sort_unstable();
    let scan = table.scan(state, Some(&columns), std::slice::from_ref(filter), None);
    let scan = scan.await?;
    let read = DFSchema::try_from(scan.schema())?;
    let predicate = state.create_physical_expr(filter.clone(), &read)?;
    let mut exprs: Vec<(Arc<dyn PhysicalExpr>, String)> = Vec::new();
    for (at, field) in scan.schema().fields().iter().enumerate() {
        exprs.push((
            Arc::new(Column::new(field.name(), at)),
            field.name().clone(),
        ));
    }
    // The scan computes both functions once they are part of its projection.
    for of_row in [input_file_name(), file_row_index()] {
        let call = of_row.call(vec![]);
        let name = call.schema_name().to_string();
        exprs.push((state.create_physical_expr(call, &read)?, name));
    }
    let projection = ProjectionExec::try_new(exprs, Arc::clone(&scan))?;
    let Some(numbered) = scan.try_swapping_with_projection(&projection)? else {
        return internal_err!("{} cannot number its rows", scan.name());
    };
    let of_row = vec![columns.len(), columns.len() + 1];
    let filter = FilterExecBuilder::new(predicate, numbered).apply_projection(Some(of_row))?;
    Ok(Arc::new(filter.build()?))
}

/// Rows that pass a filter: a bit for each row of all files.
pub struct RowBitmap(BooleanBuffer);

impl RowBitmap {
    /// Number of rows that pass.
    pub fn count(&self) -> usize {
        self.0.count_set_bits()
    }
}

impl Prefilter for RowBitmap {
    fn row_count(&self) -> usize {
        self.0.len()
    }

    fn passes(&self, row: usize) -> bool {
        self.0.value(row)
    }
}

/// Reads the rows of a prefilter's plan. Reserves the memory of the bits first.
///
/// # Errors
/// Those of the plan; files that changed since the index was built; insufficient memory.
pub async fn read(
    mut rows: SendableRecordBatchStream,
    metadata: &IndexMetadata,
    memory: &MemoryReservation,
) -> Result<RowBitmap> {
    let all = metadata
        .total_rows()
        .and_then(|all| usize::try_from(all).ok());
    let Some(all) = all else {
        return exec_err!(
            "the files of the index {} have too many rows",
            metadata.name
        );
    };
    memory.try_grow(all.div_ceil(8))?;
    let mut bits = BooleanBufferBuilder::new(all);
    bits.append_n(all, false);
    while let Some(batch) = rows.try_next().await? {
        let files = cast(batch.column(0), &DataType::Utf8)?;
        let files = files.as_string::<i32>();
        let numbers = batch.column(1).as_primitive::<Int64Type>();
        let mut of = ("", 0..0);
        for row in 0..batch.num_rows() {
            let path = files.value(row);
            if of.0 != path {
                of = (path, rows_of(path, metadata)?);
            }
            let at = of.1.start.saturating_add(numbers.value(row) as u64);
            if !of.1.contains(&at) {
                return exec_err!("{path} has more rows than it had when its index was made");
            }
            bits.set_bit(at as usize, true);
        }
    }
    Ok(RowBitmap(bits.finish()))
}

/// The row numbers of a file, counted over all files.
fn rows_of(path: &str, metadata: &IndexMetadata) -> Result<std::ops::Range<u64>> {
    let name = path.rsplit('/').next();
    let mut first = 0;
    for (stamp, rows) in metadata.files.iter().zip(&metadata.rows) {
        if Some(stamp.name.as_str()) == name {
            return Ok(first..first + rows);
        }
        first += rows;
    }
    exec_err!("{path} is not among the files of the index")
}
