//! Guards, which keep the meaning of CASE, AND, OR and COALESCE when calls are lifted
//! out of them: the texts of a call are NULL in rows that do not evaluate it, and NULL is
//! not sent to a model.

use std::collections::HashSet;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::functions::core::coalesce::CoalesceFunc;
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, when};

use super::calls::{LiftedCall, depends_on_its_row_alone, has_call, is_liftable};

/// Adds the conditions under which calls are evaluated to their arguments. A call that
/// some expression evaluates in every row is unchanged everywhere, since it is computed
/// for all rows in any case.
pub fn guarded(exprs: Vec<Expr>) -> Result<Vec<Expr>> {
    let mut everywhere = HashSet::new();
    for expr in &exprs {
        walk(expr.clone(), None, &mut |call, guard| {
            if guard.is_none() {
                everywhere.insert(call.clone());
            }
            Ok(None)
        })?;
    }
    exprs
        .into_iter()
        .map(|expr| {
            walk(expr, None, &mut |call, guard| {
                Ok(match guard {
                    Some(guard) if !everywhere.contains(call) => Some(masked(call, guard)?),
                    _ => None,
                })
            })
        })
        .collect()
}

type Visit<'a> = dyn FnMut(&Expr, Option<&Expr>) -> Result<Option<Expr>> + 'a;

/// Walks over `expr` with the condition, `None` for always, under which each part is
/// evaluated. Replaces a call by the result of `visit`.
fn walk(expr: Expr, guard: Option<&Expr>, visit: &mut Visit<'_>) -> Result<Expr> {
    if !has_call(&expr) {
        return Ok(expr);
    }
    if is_liftable(&expr) {
        if let Some(other) = visit(&expr, guard)? {
            return Ok(other);
        }
        return children(expr, guard, visit);
    }
    match expr {
        Expr::BinaryExpr(BinaryExpr {
            op: op @ (Operator::And | Operator::Or),
            ..
        }) => connected(expr, op, guard, visit),
        Expr::Case(case) => branches(case, guard, visit),
        Expr::ScalarFunction(call) if call.func.inner().is::<CoalesceFunc>() => {
            let mut before = guard.cloned();
            let mut args = Vec::with_capacity(call.args.len());
            for arg in call.args {
                let is_null = arg.clone().is_null();
                args.push(walk(arg, before.as_ref(), visit)?);
                before = both(before, Some(is_null));
            }
            Ok(Expr::ScalarFunction(ScalarFunction {
                func: call.func,
                args,
            }))
        }
        other => children(other, guard, visit),
    }
}

fn children(expr: Expr, guard: Option<&Expr>, visit: &mut Visit<'_>) -> Result<Expr> {
    Ok(expr
        .map_children(|child| walk(child, guard, visit).map(Transformed::yes))?
        .data)
}

/// In `a AND b`, a part with a call is evaluated where the rest is not false; in
/// `a OR b`, where the rest is not true.
fn connected(
    expr: Expr,
    op: Operator,
    guard: Option<&Expr>,
    visit: &mut Visit<'_>,
) -> Result<Expr> {
    let mut parts = Vec::new();
    flatten(expr, op, &mut parts);
    let mut condition = guard.cloned();
    for part in parts.iter().filter(|part| !has_call(part)) {
        let undecided = match op {
            Operator::And => part.clone().is_not_false(),
            _ => part.clone().is_not_true(),
        };
        condition = both(condition, Some(undecided));
    }
    let mut whole: Option<Expr> = None;
    for part in parts {
        let part = walk(part, condition.as_ref(), visit)?;
        whole = Some(match whole {
            None => part,
            Some(left) => Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(part))),
        });
    }
    // `flatten` returns one part at least.
    Ok(whole.unwrap_or_else(|| datafusion::logical_expr::lit(true)))
}

fn flatten(expr: Expr, op: Operator, parts: &mut Vec<Expr>) {
    match expr {
        Expr::BinaryExpr(binary) if binary.op == op => {
            flatten(*binary.left, op, parts);
            flatten(*binary.right, op, parts);
        }
        other => parts.push(other),
    }
}

/// A branch is evaluated where its condition holds and no earlier one does.
fn branches(case: Case, guard: Option<&Expr>, visit: &mut Visit<'_>) -> Result<Expr> {
    let operand = case.expr.clone();
    let mut before = guard.cloned();
    let mut when_then = Vec::with_capacity(case.when_then_expr.len());
    for (when, then) in case.when_then_expr {
        let condition = match &operand {
            Some(operand) => operand.as_ref().clone().eq(when.as_ref().clone()),
            None => when.as_ref().clone(),
        };
        let here = both(before.clone(), Some(condition.clone()));
        when_then.push((
            Box::new(walk(*when, before.as_ref(), visit)?),
            Box::new(walk(*then, here.as_ref(), visit)?),
        ));
        before = both(before, Some(condition.is_not_true()));
    }
    let walk_box = |expr: Option<Box<Expr>>, guard: Option<&Expr>, visit: &mut Visit<'_>| {
        expr.map(|expr| walk(*expr, guard, visit).map(Box::new))
            .transpose()
    };
    Ok(Expr::Case(Case {
        expr: walk_box(case.expr, guard, visit)?,
        else_expr: walk_box(case.else_expr, before.as_ref(), visit)?,
        when_then_expr: when_then,
    }))
}

/// Both conditions. A condition that cannot be evaluated twice is omitted, and the call
/// is then computed for more rows than necessary.
fn both(a: Option<Expr>, b: Option<Expr>) -> Option<Expr> {
    match (a, b.filter(depends_on_its_row_alone)) {
        (Some(a), Some(b)) => Some(a.and(b)),
        (a, b) => a.or(b),
    }
}

/// The call with NULL for its texts where `guard` does not hold.
fn masked(call: &Expr, guard: &Expr) -> Result<Expr> {
    let Some(lifted) = LiftedCall::of(call) else {
        return Ok(call.clone());
    };
    let function = lifted.call();
    let args = function
        .args
        .iter()
        .enumerate()
        .map(|(at, arg)| match arg {
            arg if lifted.is_text(at) && !matches!(arg, Expr::Literal(..)) => {
                when(guard.clone(), arg.clone()).end()
            }
            _ => Ok(arg.clone()),
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Expr::ScalarFunction(ScalarFunction {
        func: function.func.clone(),
        args,
    }))
}
