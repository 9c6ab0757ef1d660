//! Repartitioning of model calls for a cluster.
//!
//! In one process, the partitions of a scan suffice, since all share the cores. In
//! a cluster each partition is a task of one executor, and a small file has a
//! single partition. The rows below the operator are therefore repartitioned by a
//! hash of their texts, which sends equal texts to one executor. Fast mode trains
//! its student on a sample of all rows, so it coalesces them instead.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, Partitioning, PhysicalExpr,
};
use semql_udfs::plan::{ComputedColumn, InferExec};

/// Minimum number of rows that are worth repartitioning, exclusive.
const MIN_ROWS: usize = 256;

/// Repartitions the input of each model call to `partitions` partitions. Keeps
/// the partitioning and the order that the operators above were planned with.
pub fn repartition(
    plan: Arc<dyn ExecutionPlan>,
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    let transformed = plan.transform_up(|plan| {
        let Some(infer) = plan.downcast_ref::<InferExec>() else {
            return Ok(Transformed::no(plan));
        };
        let input = Arc::clone(plan.children()[0]);
        let replacement = match infer.is_fast() {
            true => Some(coalesce(infer, input)?),
            false => repartition_by_text(infer, input, partitions)?,
        };
        Ok(match replacement {
            Some(replacement) => Transformed::yes(replacement),
            None => Transformed::no(plan),
        })
    });
    Ok(transformed?.data)
}

fn with_input(infer: &InferExec, input: Arc<dyn ExecutionPlan>) -> Result<InferExec> {
    InferExec::try_new(input, infer.columns().to_vec(), infer.schema())
}

/// Coalesces all rows for the student; restores a hash partitioning afterwards.
fn coalesce(infer: &InferExec, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let planned = infer.properties().output_partitioning().clone();
    let single: Arc<dyn ExecutionPlan> = match (planned.partition_count(), input.output_ordering())
    {
        (1, _) => input,
        (_, Some(order)) => Arc::new(SortPreservingMergeExec::new(order.clone(), input)),
        (_, None) => Arc::new(CoalescePartitionsExec::new(input)),
    };
    let infer: Arc<dyn ExecutionPlan> =
        Arc::new(with_input(infer, single)?.with_single_input(true));
    Ok(match planned {
        Partitioning::Hash(_, 2..) => Arc::new(RepartitionExec::try_new(infer, planned)?),
        _ => infer,
    })
}

/// Repartitions by a hash of the texts. `None` for rows that are partitioned
/// already, or are too few.
fn repartition_by_text(
    infer: &InferExec,
    input: Arc<dyn ExecutionPlan>,
    partitions: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let texts = text_arguments(infer);
    let current = input.output_partitioning().partition_count();
    let few = input.fetch().is_some_and(|rows| rows <= MIN_ROWS);
    if texts.is_empty() || few || current >= partitions {
        return Ok(None);
    }
    let order = input.output_ordering().cloned();
    let arbitrary = matches!(
        input.output_partitioning(),
        Partitioning::UnknownPartitioning(_) | Partitioning::RoundRobinBatch(_)
    );
    if current > 1 && (order.is_some() || !arbitrary) {
        return Ok(None);
    }
    // A sort key that was projected away cannot be sorted by again.
    if sort_key_count(&input)
        .is_some_and(|keys| order.as_ref().is_none_or(|order| order.len() < keys))
    {
        return Ok(None);
    }
    // Sorts once, after the operator.
    let input = match input.downcast_ref::<SortExec>() {
        Some(sort) if sort.fetch().is_none() && !sort.preserve_partitioning() => {
            Arc::clone(sort.input())
        }
        _ => input,
    };
    let repartitioned = RepartitionExec::try_new(input, Partitioning::Hash(texts, partitions))?;
    let infer: Arc<dyn ExecutionPlan> = Arc::new(with_input(infer, Arc::new(repartitioned))?);
    if current > 1 {
        return Ok(Some(infer));
    }
    let single: Arc<dyn ExecutionPlan> = Arc::new(CoalescePartitionsExec::new(infer));
    Ok(Some(match order {
        Some(order) => Arc::new(SortExec::new(order, single)),
        None => single,
    }))
}

/// Number of keys that the rows were sorted by.
fn sort_key_count(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        return Some(sort.expr().len());
    }
    if let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() {
        return Some(merge.expr().len());
    }
    match plan.children().as_slice() {
        [child] if plan.maintains_input_order() == [true] => sort_key_count(child),
        _ => None,
    }
}

/// Arguments of the first call that differ by row.
fn text_arguments(infer: &InferExec) -> Vec<Arc<dyn PhysicalExpr>> {
    let mut calls = infer.columns().iter().filter_map(ComputedColumn::call);
    let args = calls.next().map_or(&[][..], |call| call.args.as_slice());
    let texts = args.iter().filter(|arg| !arg.is::<Literal>());
    texts.cloned().collect()
}
