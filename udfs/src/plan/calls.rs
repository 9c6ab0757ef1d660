//! Which expressions are model calls that the plan may move.

use std::collections::HashSet;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;

use crate::functions::{Kind, ModelUdf};

/// The call and the model function that it calls, if it calls one.
pub fn model_call(expr: &Expr) -> Option<(&ScalarFunction, &ModelUdf)> {
    match expr {
        Expr::ScalarFunction(call) => call.func.inner().downcast_ref().map(|udf| (call, udf)),
        _ => None,
    }
}

/// Whether `expr` is a model call that can be computed for the rows of its
/// input, outside of the expression it stands in.
///
/// A call on literals alone is not one: it is answered while planning.
pub fn is_liftable(expr: &Expr) -> bool {
    let Some((call, udf)) = model_call(expr) else {
        return false;
    };
    let arguments = udf.function.shape().arguments;
    let one_for_all_rows = arguments
        .iter()
        .zip(&call.args)
        .all(|((_, kind), arg)| *kind == Kind::Text || arg.column_refs().is_empty());
    one_for_all_rows && !expr.column_refs().is_empty() && depends_on_its_row_alone(expr)
}

/// Whether the value of `expr` hangs on the columns of its row and nothing
/// else, so that it can be computed elsewhere and twice.
pub fn depends_on_its_row_alone(expr: &Expr) -> bool {
    let bound = |expr: &Expr| {
        matches!(
            expr,
            Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::ScalarSubquery(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::GroupingSet(_)
                | Expr::Placeholder(_)
                | Expr::Unnest(_)
                | Expr::HigherOrderFunction(_)
                | Expr::Lambda(_)
                | Expr::LambdaVariable(_)
        ) || expr.is_volatile_node()
    };
    !any(expr, &mut |expr| bound(expr))
}

/// Whether a liftable call stands in `expr`.
pub fn has_call(expr: &Expr) -> bool {
    any(expr, &mut |expr| is_liftable(expr))
}

/// Whether `expr` can be computed twice and elsewhere without a model.
pub fn is_cheap(expr: &Expr) -> bool {
    depends_on_its_row_alone(expr) && !has_call(expr)
}

fn any(expr: &Expr, test: &mut impl FnMut(&Expr) -> bool) -> bool {
    let mut found = false;
    let walked = expr.apply(|expr| {
        found |= test(expr);
        Ok(match (found, expr) {
            (true, _) => TreeNodeRecursion::Stop,
            // What stands in a lambda belongs to its variables.
            (_, Expr::HigherOrderFunction(_) | Expr::Lambda(_)) => TreeNodeRecursion::Jump,
            _ => TreeNodeRecursion::Continue,
        })
    });
    found && walked.is_ok()
}

/// The liftable calls in `exprs` that have none among their own arguments,
/// each once, in the order in which they are written.
pub fn innermost(exprs: &[Expr]) -> Result<Vec<Expr>> {
    let (mut calls, mut seen) = (Vec::new(), HashSet::new());
    for expr in exprs {
        expr.apply(|expr| {
            let nested = |expr: &Expr| {
                model_call(expr).is_some_and(|(call, _)| call.args.iter().any(has_call))
            };
            if is_liftable(expr) && !nested(expr) {
                if seen.insert(expr.clone()) {
                    calls.push(expr.clone());
                }
                return Ok(TreeNodeRecursion::Jump);
            }
            Ok(match expr {
                Expr::HigherOrderFunction(_) | Expr::Lambda(_) => TreeNodeRecursion::Jump,
                _ => TreeNodeRecursion::Continue,
            })
        })?;
    }
    Ok(calls)
}

/// `expr` with every part that `replacement` answers for put in its place.
pub fn replace(expr: Expr, replacement: impl Fn(&Expr) -> Option<Expr>) -> Result<Expr> {
    Ok(expr
        .transform_down(|expr| {
            Ok(match replacement(&expr) {
                Some(other) => Transformed::new(other, true, TreeNodeRecursion::Jump),
                None => Transformed::no(expr),
            })
        })?
        .data)
}
