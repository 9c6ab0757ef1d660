//! Number of rows of a plan, where it is known.

use datafusion::common::stats::Precision;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

/// The rows that a plan returns, if its statistics are exact, as those of a file are. An
/// operator that keeps them can allocate their memory once.
pub fn exact_rows(plan: &dyn ExecutionPlan) -> Option<usize> {
    let statistics = StatisticsContext::new().compute(plan, &StatisticsArgs::new());
    match statistics.ok()?.num_rows {
        Precision::Exact(rows) => Some(rows),
        _ => None,
    }
}
