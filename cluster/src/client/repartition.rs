//! Repartitioning of model calls for a cluster.
//!
//! In one process, the partitions of a scan suffice, since all share the cores. In
//! a cluster each partition is a task of one executor, and a small file has a
//! single partition. The rows below the operator are therefore repartitioned by a
//! hash of their texts, which sends equal texts to one executor. Fast mode trains
//! its student on a sample of all rows, so it coalesces them instead.
//!
//! The order of rows is kept, except below an aggregation that does not depend on it.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, InputOrderMode, Partitioning,
    PhysicalExpr, ReplaceChildrenOptions,
};
use semql_udfs::plan::{ComputedColumn, InferExec};

/// Minimum number of rows that are worth repartitioning, exclusive.
const MIN_ROWS: usize = 256;

/// Aggregates whose result depends on the order of their rows.
const ORDER_SENSITIVE: &[&str] = &[
    "array_agg",
    "string_agg",
    "first_value",
    "last_value",
    "nth_value",
];

/// Repartitions the input of each model call to `partitions` partitions. Keeps
/// the partitioning and the order that the operators above were planned with.
pub fn repartition(
    plan: Arc<dyn ExecutionPlan>,
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>> {
    repartition_below(plan, partitions, true)
}

/// [`repartition`] of a part of a plan. `ordered` is whether the order of its rows
/// affects the result.
fn repartition_below(
    plan: Arc<dyn ExecutionPlan>,
    partitions: usize,
    ordered: bool,
) -> Result<Arc<dyn ExecutionPlan>> {
    let ordered_below = ordered && !ignores_order(&plan);
    let children = plan.children();
    let plan = if children.is_empty() {
        plan
    } else {
        let children = children
            .into_iter()
            .map(|child| repartition_below(Arc::clone(child), partitions, ordered_below));
        let children = children.collect::<Result<Vec<_>>>()?;
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        plan.replace_children(children, options)?
    };
    let Some(infer) = plan.downcast_ref::<InferExec>() else {
        return Ok(plan);
    };
    let input = Arc::clone(plan.children()[0]);
    let replacement = match infer.is_fast() {
        true => Some(coalesce(infer, input)?),
        false => repartition_by_text(infer, input, partitions, ordered)?,
    };
    Ok(replacement.unwrap_or(plan))
}

/// Whether an operator gives the same result for any order of its input.
fn ignores_order(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let Some(aggregate) = plan.downcast_ref::<AggregateExec>() else {
        return false;
    };
    let sensitive = |name: &str| ORDER_SENSITIVE.contains(&name);
    let mut calls = aggregate.aggr_expr().iter();
    matches!(aggregate.input_order_mode(), InputOrderMode::Linear)
        && !calls.any(|call| sensitive(call.fun().name()))
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

/// Repartitions by a hash of the texts. `None` for rows that are partitioned by a
/// hash already, are too few, or have an order that cannot be restored where
/// `ordered` is set.
fn repartition_by_text(
    infer: &InferExec,
    input: Arc<dyn ExecutionPlan>,
    partitions: usize,
    ordered: bool,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let texts = text_arguments(infer);
    let current = input.output_partitioning().partition_count();
    let few = input.fetch().is_some_and(|rows| rows <= MIN_ROWS);
    if texts.is_empty() || few {
        return Ok(None);
    }
    let order = input.output_ordering().filter(|_| ordered).cloned();
    // The partitions of a scan are as even as the row groups of its files.
    let arbitrary = matches!(
        input.output_partitioning(),
        Partitioning::UnknownPartitioning(_) | Partitioning::RoundRobinBatch(_)
    );
    if current > 1 && (order.is_some() || !arbitrary) {
        return Ok(None);
    }
    // A sort key that was projected away cannot be sorted by again.
    if ordered
        && sort_key_count(&input)
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
