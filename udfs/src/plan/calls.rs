//! Which expressions are model calls that the plan may move.

use std::collections::HashSet;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;

use crate::functions::{ArgumentType, ModelUdf};

/// The call and its model function; `None` for any other expression.
pub fn model_call(expr: &Expr) -> Option<(&ScalarFunction, &ModelUdf)> {
    match expr {
        Expr::ScalarFunction(call) => call.func.inner().downcast_ref().map(|udf| (call, udf)),
        _ => None,
    }
}

/// Whether `expr` is a model call that can be computed outside of its expression, for
/// the rows of its input.
///
/// A call on literals alone is not: planning evaluates it.
pub fn is_liftable(expr: &Expr) -> bool {
    let Some((call, udf)) = model_call(expr) else {
        return false;
    };
    let arguments = udf.function.spec().parameters.list;
    let constant_but_texts = arguments
        .iter()
        .zip(&call.args)
        .all(|((_, kind), arg)| *kind == ArgumentType::Text || arg.column_refs().is_empty());
    constant_but_texts && !expr.column_refs().is_empty() && depends_on_its_row_alone(expr)
}

/// Whether the value of `expr` depends on the columns of its row only, so that it can be
/// computed at another place and more than once.
pub fn depends_on_its_row_alone(expr: &Expr) -> bool {
    let depends_on_more = |expr: &Expr| {
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
    !any(expr, &mut |expr| depends_on_more(expr))
}

/// Whether `expr` contains a liftable call.
pub fn has_call(expr: &Expr) -> bool {
    any(expr, &mut |expr| is_liftable(expr))
}

/// Whether `expr` can be computed at another place, and more than once, without a model.
pub fn is_cheap(expr: &Expr) -> bool {
    depends_on_its_row_alone(expr) && !has_call(expr)
}

fn any(expr: &Expr, test: &mut impl FnMut(&Expr) -> bool) -> bool {
    let mut found = false;
    let walked = expr.apply(|expr| {
        found |= test(expr);
        Ok(match (found, expr) {
            (true, _) => TreeNodeRecursion::Stop,
            // Expressions in a lambda depend on its variables.
            (_, Expr::HigherOrderFunction(_) | Expr::Lambda(_)) => TreeNodeRecursion::Jump,
            _ => TreeNodeRecursion::Continue,
        })
    });
    found && walked.is_ok()
}

/// The distinct liftable calls in `exprs` whose arguments contain no other, in order.
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

/// Replaces each part of `expr` for which `replacement` returns another expression.
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
