//! Functions of several rows in select lists, where the engine has a list in their place.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Interval, SelectItem, TableFactor,
};

use super::expressions::{call, function_name, literal_text};
use super::numbers::take;

/// Makes `SELECT generate_series(a, b)` the rows of the series.
pub fn series_as_rows(item: &mut SelectItem) {
    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
        && let Expr::Function(function) = expr
        && function_name(function).as_deref() == Some("generate_series")
    {
        *expr = call("unnest", vec![take(expr)]);
    }
}

/// Reads the step of `generate_series(start, end, '1 day')` in FROM as an interval.
pub fn step_as_interval(factor: &mut TableFactor) {
    let TableFactor::Table {
        name,
        args: Some(arguments),
        ..
    } = factor
    else {
        return;
    };
    let is_series = name.0.last().and_then(|part| part.as_ident());
    if !is_series.is_some_and(|name| name.value.eq_ignore_ascii_case("generate_series")) {
        return;
    }
    if let [_, _, FunctionArg::Unnamed(FunctionArgExpr::Expr(step))] = arguments.args.as_mut_slice()
        && literal_text(step).is_some()
    {
        *step = Expr::Interval(Interval {
            value: Box::new(take(step)),
            leading_field: None,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        });
    }
}
