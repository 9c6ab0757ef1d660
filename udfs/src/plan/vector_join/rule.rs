//! The optimizer rule that replaces joins on the similarity of vectors.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, Join, JoinType, LogicalPlan, Operator};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::node::VectorJoin;
use crate::functions::{CosineMeasure, cosine_measure};
use semql_inference::vector::NeighbourLimit;

/// Largest difference of a product of blocks from the result of the function.
const MAX_ROUNDING_ERROR: f64 = 1e-4;

/// Replaces an inner join without equal keys whose condition requires
/// `cosine_similarity(a, b)` above a number, or `cosine_distance` below one, by a
/// [`VectorJoin`]. The condition is applied again above it.
#[derive(Debug, Default)]
pub struct JoinByVectors;

impl OptimizerRule for JoinByVectors {
    fn name(&self) -> &str {
        "join_by_vectors"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Join(join) = plan else {
            return Ok(Transformed::no(plan));
        };
        let Some((on, threshold, filter)) = similarity_condition(&join) else {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        };
        let limit = NeighbourLimit::Threshold((threshold - MAX_ROUNDING_ERROR) as f32);
        let node = VectorJoin::new(join.left, join.right, on, limit)?;
        let filter = Filter::try_new(filter, Arc::new(node.into_plan()))?;
        Ok(Transformed::yes(LogicalPlan::Filter(filter)))
    }
}

/// The vectors of both sides, the threshold, and the whole condition.
fn similarity_condition(join: &Join) -> Option<([Expr; 2], f64, Expr)> {
    let filter = join.filter.as_ref()?;
    if join.join_type != JoinType::Inner || !join.on.is_empty() {
        return None;
    }
    split_conjunction(filter).into_iter().find_map(|condition| {
        let (call, threshold) = cosine_threshold(condition)?;
        let [a, b] = call.args.as_slice() else {
            return None;
        };
        let belongs_to = |expr: &Expr, side: &LogicalPlan| {
            let columns = expr.column_refs();
            !columns.is_empty()
                && columns
                    .iter()
                    .all(|column| side.schema().has_column(column))
        };
        let vectors = match () {
            () if belongs_to(a, &join.left) && belongs_to(b, &join.right) => [a, b],
            () if belongs_to(b, &join.left) && belongs_to(a, &join.right) => [b, a],
            () => return None,
        };
        Some((vectors.map(Clone::clone), threshold, filter.clone()))
    })
}

/// The call and the threshold of a condition such as `cosine_similarity(a, b) > 0.8`.
fn cosine_threshold(condition: &Expr) -> Option<(&ScalarFunction, f64)> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else {
        return None;
    };
    let (call, op, number) = match (left.as_ref(), right.as_ref()) {
        (Expr::ScalarFunction(call), number) => (call, *op, number),
        (number, Expr::ScalarFunction(call)) => (call, op.swap()?, number),
        _ => return None,
    };
    let Expr::Literal(number, _) = number else {
        return None;
    };
    let number = match number.cast_to(&arrow::datatypes::DataType::Float64).ok()? {
        datafusion::scalar::ScalarValue::Float64(number) => number?,
        _ => return None,
    };
    match (cosine_measure(&call.func)?, op) {
        (CosineMeasure::Similarity, Operator::Gt | Operator::GtEq) => Some((call, number)),
        (CosineMeasure::Distance, Operator::Lt | Operator::LtEq) => Some((call, 1.0 - number)),
        _ => None,
    }
}
