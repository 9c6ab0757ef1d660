//! How model calls are spread over a cluster.
//!
//! In one process, the partitions of a scan are enough for the operator: they
//! share the cores anyway. In a cluster each partition is a piece of work for
//! one executor, and a file may be a single one. So rows are dealt out before
//! the operator, by their texts, which lets equal texts meet on one executor.
//! In fast mode, where a sample of all rows teaches a student, they are brought
//! together instead.

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
use semql_udfs::plan::{Computed, InferExec};

/// Rows that are not worth dealing out.
const FEW: usize = 256;

/// The plan with its model calls spread over `partitions` pieces. What is above
/// an operator finds the partitions and the order that it was planned with.
pub fn spread(plan: Arc<dyn ExecutionPlan>, partitions: usize) -> Result<Arc<dyn ExecutionPlan>> {
    let spread = plan.transform_up(|plan| {
        let Some(infer) = plan.downcast_ref::<InferExec>() else {
            return Ok(Transformed::no(plan));
        };
        let input = Arc::clone(plan.children()[0]);
        let other = match infer.is_fast() {
            true => gathered(infer, input)?,
            false => dealt(infer, input, partitions)?,
        };
        Ok(match other {
            Some(other) => Transformed::yes(other),
            None => Transformed::no(plan),
        })
    });
    Ok(spread?.data)
}

fn over(infer: &InferExec, input: Arc<dyn ExecutionPlan>) -> InferExec {
    InferExec::new(input, infer.columns().to_vec(), infer.schema())
}

/// All rows in one partition, where the student learns; then as they were.
fn gathered(
    infer: &InferExec,
    input: Arc<dyn ExecutionPlan>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let before = infer.properties().output_partitioning().clone();
    let one: Arc<dyn ExecutionPlan> = match (before.partition_count(), input.output_ordering()) {
        (1, _) => input,
        (_, Some(order)) => Arc::new(SortPreservingMergeExec::new(order.clone(), input)),
        (_, None) => Arc::new(CoalescePartitionsExec::new(input)),
    };
    let infer: Arc<dyn ExecutionPlan> = Arc::new(over(infer, one).gathered(true));
    Ok(Some(match before {
        Partitioning::Hash(_, 2..) => Arc::new(RepartitionExec::try_new(infer, before)?),
        _ => infer,
    }))
}

/// The rows dealt out by their texts; `None` where they are spread already, or
/// too few.
fn dealt(
    infer: &InferExec,
    input: Arc<dyn ExecutionPlan>,
    partitions: usize,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let texts = texts(infer);
    let before = input.output_partitioning().partition_count();
    let few = input.fetch().is_some_and(|rows| rows <= FEW);
    if texts.is_empty() || few || before >= partitions {
        return Ok(None);
    }
    let order = input.output_ordering().cloned();
    let open = matches!(
        input.output_partitioning(),
        Partitioning::UnknownPartitioning(_) | Partitioning::RoundRobinBatch(_)
    );
    if before > 1 && (order.is_some() || !open) {
        return Ok(None);
    }
    // Rows that were sorted by more than is still in them could not be put into
    // their order again.
    if sorted_by(&input).is_some_and(|keys| order.as_ref().is_none_or(|order| order.len() < keys)) {
        return Ok(None);
    }
    // An order that is needed is made afterwards, and not before as well.
    let input = match input.downcast_ref::<SortExec>() {
        Some(sort) if sort.fetch().is_none() && !sort.preserve_partitioning() => {
            Arc::clone(sort.input())
        }
        _ => input,
    };
    let dealt = RepartitionExec::try_new(input, Partitioning::Hash(texts, partitions))?;
    let infer: Arc<dyn ExecutionPlan> = Arc::new(over(infer, Arc::new(dealt)));
    if before > 1 {
        return Ok(Some(infer));
    }
    let one: Arc<dyn ExecutionPlan> = Arc::new(CoalescePartitionsExec::new(infer));
    Ok(Some(match order {
        Some(order) => Arc::new(SortExec::new(order, one)),
        None => one,
    }))
}

/// By how many keys the rows come sorted, if they do.
fn sorted_by(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        return Some(sort.expr().len());
    }
    if let Some(merge) = plan.downcast_ref::<SortPreservingMergeExec>() {
        return Some(merge.expr().len());
    }
    match plan.children().as_slice() {
        [child] if plan.maintains_input_order() == [true] => sorted_by(child),
        _ => None,
    }
}

/// What the first call reads of a row.
fn texts(infer: &InferExec) -> Vec<Arc<dyn PhysicalExpr>> {
    let mut calls = infer.columns().iter().filter_map(Computed::call);
    let args = calls.next().map_or(&[][..], |call| call.args.as_slice());
    let texts = args.iter().filter(|arg| !arg.is::<Literal>());
    texts.cloned().collect()
}
