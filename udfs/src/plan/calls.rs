//! Which expressions are model calls that the plan may move.

use std::borrow::Cow;
use std::collections::HashSet;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::ScalarFunction;

use crate::functions::{ArgumentType, ModelUdf, TaskUdf, language_model_udf};

/// A call that the operator computes.
#[expect(
    clippy::large_enum_variant,
    reason = "lives on the stack while an expression is examined"
)]
pub enum LiftedCall<'a> {
    /// A call over the vectors of texts.
    Model(&'a ScalarFunction, &'a ModelUdf),
    /// A task for the texts of a row.
    Task(&'a ScalarFunction, Cow<'a, TaskUdf>),
}

impl<'a> LiftedCall<'a> {
    /// The call in `expr`; `None` for any other expression.
    pub fn of(expr: &'a Expr) -> Option<Self> {
        let Expr::ScalarFunction(call) = expr else {
            return None;
        };
        let function = call.func.inner();
        if let Some(task) = function.downcast_ref::<TaskUdf>() {
            return Some(Self::Task(call, Cow::Borrowed(task)));
        }
        let udf = function.downcast_ref::<ModelUdf>()?;
        let at = udf.function.spec().parameters.position(ArgumentType::Model);
        let model = match at.and_then(|at| call.args.get(at)) {
            Some(Expr::Literal(model, _)) => Some(model),
            _ => None,
        };
        match language_model_udf(udf.function.name(), &udf.options, model) {
            Some(task) => Some(Self::Task(call, Cow::Owned(task))),
            None => Some(Self::Model(call, udf)),
        }
    }

    /// The expression of the call.
    pub fn call(&self) -> &'a ScalarFunction {
        match self {
            Self::Model(call, _) | Self::Task(call, _) => call,
        }
    }

    /// Name of the function.
    pub fn name(&self) -> &'a str {
        self.call().func.name()
    }

    /// Whether the argument at `position` is a text, which may differ by row.
    pub fn is_text(&self, position: usize) -> bool {
        match self {
            Self::Model(_, udf) => {
                let list = udf.function.spec().parameters.list;
                list.get(position)
                    .is_none_or(|(_, argument)| *argument == ArgumentType::Text)
            }
            // Texts come first. Only they have columns in a liftable call.
            Self::Task(call, _) => position < text_prefix(call),
        }
    }
}

/// Number of arguments before the first one without columns: at least one.
fn text_prefix(call: &ScalarFunction) -> usize {
    let last = call
        .args
        .iter()
        .rposition(|arg| !arg.column_refs().is_empty());
    last.map_or(1, |last| last + 1)
}

/// Whether `expr` is a model call that can be computed outside of its expression, for
/// the rows of its input.
///
/// A call on literals alone is not: planning evaluates it.
pub fn is_liftable(expr: &Expr) -> bool {
    let Some(lifted) = LiftedCall::of(expr) else {
        return false;
    };
    let mut arguments = lifted.call().args.iter().enumerate();
    let constant_but_texts =
        arguments.all(|(at, arg)| lifted.is_text(at) || arg.column_refs().is_empty());
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
                LiftedCall::of(expr).is_some_and(|lifted| lifted.call().args.iter().any(has_call))
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
