//! The rows that COPY writes: in one partition, and counted.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

/// The rows of all partitions, in their order.
pub fn one_partition(input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    match (
        input.output_ordering(),
        input.output_partitioning().partition_count(),
    ) {
        (_, 1) => input,
        (Some(ordering), _) => {
            let ordering = ordering.clone();
            Arc::new(SortPreservingMergeExec::new(ordering, input))
        }
        (None, _) => Arc::new(CoalescePartitionsExec::new(input)),
    }
}

/// Number of rows that a writer reports.
pub fn count(batches: &[RecordBatch]) -> u64 {
    let columns = batches
        .iter()
        .filter(|batch| batch.num_columns() > 0)
        .map(|batch| batch.column(0));
    columns
        .filter_map(|column| column.as_primitive_opt::<UInt64Type>())
        .flat_map(|column| column.iter().flatten())
        .sum()
}
