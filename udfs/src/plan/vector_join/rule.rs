//! The optimizer rule that joins by blocks where a join asks for near vectors.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, Join, JoinType, LogicalPlan, Operator};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::node::VectorJoin;
use crate::vector::Keep;

/// How far products of blocks may be off the function's own figure.
const ROUNDING: f64 = 1e-4;

/// Has an inner join without equal keys, whose condition wants
/// `cosine_similarity(a, b)` to be above a number (or `cosine_distance` below),
/// find the pairs by [`VectorJoin`]. The condition stays above it and decides.
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
        let Some((on, least, filter)) = by_vectors(&join) else {
            return Ok(Transformed::no(LogicalPlan::Join(join)));
        };
        let keep = Keep::Above((least - ROUNDING) as f32);
        let node = VectorJoin::new(join.left, join.right, on, keep)?;
        let filter = Filter::try_new(filter, Arc::new(node.into_plan()))?;
        Ok(Transformed::yes(LogicalPlan::Filter(filter)))
    }
}

/// The vectors of both sides, the least cosine, and the whole condition.
fn by_vectors(join: &Join) -> Option<([Expr; 2], f64, Expr)> {
    let filter = join.filter.as_ref()?;
    if join.join_type != JoinType::Inner || !join.on.is_empty() {
        return None;
    }
    split_conjunction(filter).into_iter().find_map(|condition| {
        let (call, least) = least_cosine(condition)?;
        let [a, b] = call.args.as_slice() else {
            return None;
        };
        let of = |expr: &Expr, side: &LogicalPlan| {
            let columns = expr.column_refs();
            !columns.is_empty()
                && columns
                    .iter()
                    .all(|column| side.schema().has_column(column))
        };
        let both = match () {
            () if of(a, &join.left) && of(b, &join.right) => [a, b],
            () if of(b, &join.left) && of(a, &join.right) => [b, a],
            () => return None,
        };
        Some((both.map(Clone::clone), least, filter.clone()))
    })
}

/// `cosine_similarity(a, b) > least` in any of the ways it can be written.
fn least_cosine(condition: &Expr) -> Option<(&ScalarFunction, f64)> {
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
    match (call.name(), op) {
        ("cosine_similarity", Operator::Gt | Operator::GtEq) => Some((call, number)),
        ("cosine_distance", Operator::Lt | Operator::LtEq) => Some((call, 1.0 - number)),
        _ => None,
    }
}
