//! Aggregates over ordered sets, and of JSON, which become `array_agg` and a function of
//! its array: `percentile_disc`, `mode`, `json_agg`, `json_object_agg`.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, OrderByExpr,
};
use datafusion::sql::sqlparser::parser::ParserError;

use super::expressions::{argument_expr, arguments_mut, call, function_name};
use super::numbers::take;

/// Rewrites an aggregate.
///
/// # Errors
/// Arguments that Postgres does not accept either.
pub fn ordered_sets(expr: &mut Expr) -> Result<(), ParserError> {
    let Expr::Function(function) = expr else {
        return Ok(());
    };
    let replacement = match function_name(function).as_deref() {
        Some("percentile_cont" | "percentile_disc") if fractions(function).is_some() => {
            percentiles(function)?
        }
        Some("percentile_disc") => percentile_disc(function)?,
        Some("mode") => mode(function)?,
        Some("json_agg" | "jsonb_agg") => json_agg(function),
        Some("json_object_agg" | "jsonb_object_agg") => json_object_agg(function)?,
        _ => None,
    };
    if let Some(replacement) = replacement {
        *expr = replacement;
    }
    Ok(())
}

/// The elements of an array of fractions.
fn fractions(function: &mut Function) -> Option<Vec<Expr>> {
    match arguments_mut(function)?.as_slice() {
        [argument] => match argument_expr(argument)? {
            Expr::Array(array) => Some(array.elem.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// `percentile_cont(ARRAY[f, g]) WITHIN GROUP (ORDER BY x)`: an array of one percentile
/// for each fraction.
fn percentiles(function: &mut Function) -> Result<Option<Expr>, ParserError> {
    let mut percentiles = Vec::new();
    for fraction in fractions(function).unwrap_or_default() {
        let mut single = function.clone();
        if let Some(arguments) = arguments_mut(&mut single) {
            *arguments = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(fraction))];
        }
        let mut percentile = Expr::Function(single);
        ordered_sets(&mut percentile)?;
        percentiles.push(percentile);
    }
    Ok(Some(call("make_array", percentiles)))
}

/// `percentile_disc(f) WITHIN GROUP (ORDER BY x)`.
fn percentile_disc(function: &mut Function) -> Result<Option<Expr>, ParserError> {
    let [order] = function.within_group.as_slice() else {
        return wrong("percentile_disc(fraction) WITHIN GROUP (ORDER BY value)");
    };
    let order = order.clone();
    let fraction = match arguments_mut(function).map(|arguments| arguments.as_slice()) {
        Some([argument]) => argument_expr(argument).cloned(),
        _ => None,
    };
    let Some(fraction) = fraction else {
        return wrong("percentile_disc(fraction) WITHIN GROUP (ORDER BY value)");
    };
    let list = sorted_list(function, order);
    Ok(Some(call("array_percentile", vec![list, fraction])))
}

/// `mode() WITHIN GROUP (ORDER BY x)`.
fn mode(function: &mut Function) -> Result<Option<Expr>, ParserError> {
    let [order] = function.within_group.as_slice() else {
        return Ok(None);
    };
    let order = order.clone();
    Ok(Some(call("array_mode", vec![sorted_list(function, order)])))
}

/// `array_agg(x ORDER BY x)` with the filter and the window of an ordered-set aggregate.
fn sorted_list(function: &mut Function, order: OrderByExpr) -> Expr {
    let mut list = call("array_agg", vec![order.expr.clone()]);
    if let Expr::Function(aggregate) = &mut list {
        aggregate.filter = function.filter.take();
        aggregate.over = function.over.take();
        if let FunctionArguments::List(list) = &mut aggregate.args {
            list.clauses = vec![FunctionArgumentClause::OrderBy(vec![order])];
        }
    }
    list
}

/// `json_agg(x ORDER BY y)`: the same call of `array_agg`, as JSON.
fn json_agg(function: &mut Function) -> Option<Expr> {
    let mut aggregate = function.clone();
    aggregate.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new("array_agg"))]);
    Some(call("json_of_rows", vec![Expr::Function(aggregate)]))
}

/// `json_object_agg(key, value)`: the pairs as an array of structs, as JSON.
fn json_object_agg(function: &mut Function) -> Result<Option<Expr>, ParserError> {
    let Some([key, value]) = arguments_mut(function).map(Vec::as_mut_slice) else {
        return wrong("json_object_agg(key, value)");
    };
    let (
        FunctionArg::Unnamed(FunctionArgExpr::Expr(key)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)),
    ) = (key, value)
    else {
        return wrong("json_object_agg(key, value)");
    };
    let pair = call("struct", vec![take(key), take(value)]);
    let mut aggregate = function.clone();
    aggregate.name = ObjectName(vec![ObjectNamePart::Identifier(Ident::new("array_agg"))]);
    if let Some(arguments) = arguments_mut(&mut aggregate) {
        *arguments = vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(pair))];
    }
    Ok(Some(call("json_of_pairs", vec![Expr::Function(aggregate)])))
}

fn wrong<T>(usage: &str) -> Result<T, ParserError> {
    Err(ParserError::ParserError(format!("the call is {usage}")))
}
