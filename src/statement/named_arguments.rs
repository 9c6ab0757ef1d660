//! Arguments by name, and fields of results.
//!
//! DataFusion takes no name after an omitted parameter: NULL stands for an omitted one here.
//! DataFusion resolves a name by the position of a parameter, and the positions of
//! `attributes` and `model` depend on the number of texts. They become positional here.
//! The engine reads fields of a call as `f(x)['field']` only, so `f(x).field` becomes that.

use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Array, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Subscript,
    Value, VisitorMut,
};
use datafusion::sql::sqlparser::parser::ParserError;

use semql_udfs::parameter_names;

use super::parsed::StatementCommand;
use super::syntax::Parsed;
use super::syntax_trees;
use crate::dialect::qualify_column;
use crate::error::Result;

/// Functions with texts, then a list of attributes, then a model.
const FUNCTIONS: &[&str] = &["ai_extract", "ai_extract_details"];

/// Functions whose arguments after the second are told apart by themselves: a confidence is
/// a literal, a score a column. DataFusion takes no name after an omitted parameter.
const ESTIMATES: &[&str] = &["estimate_shares", "estimate_mean"];

/// The parameters of estimates that may be named without those before them.
const ESTIMATE_PARAMETERS: [&str; 2] = ["score", "confidence"];

/// The parameters after the texts, in order.
const PARAMETERS: [&str; 2] = ["attributes", "model"];

/// Makes the arguments of all calls in a statement positional.
///
/// # Errors
/// An unknown name, or one that is given twice.
pub fn resolve(command: &mut StatementCommand) -> Result<()> {
    match syntax_trees::visit(command, &mut Resolver) {
        ControlFlow::Break(error) => Err(DataFusionError::from(error).into()),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Resolver;

impl VisitorMut for Resolver {
    type Break = ParserError;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<ParserError> {
        qualify_column(expr);
        let resolved = match expr {
            Expr::Function(function) => {
                unnamed_estimate(function);
                fill_omitted(function);
                positional(function)
            }
            Expr::CompoundFieldAccess { access_chain, .. } => {
                access_chain.iter_mut().for_each(field_by_name);
                Ok(())
            }
            _ => Ok(()),
        };
        match resolved {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// Makes `.field` of a call or a list element `['field']`, which the engine reads.
fn field_by_name(step: &mut AccessExpr) {
    if let AccessExpr::Dot(Expr::Identifier(field)) = step {
        let name = Value::SingleQuotedString(field.value.clone());
        let index = Expr::Value(name.into());
        *step = AccessExpr::Subscript(Subscript::Index { index });
    }
}

/// Drops the names of a score and a confidence if each is named once.
fn unnamed_estimate(function: &mut Function) {
    let name = function_name(function);
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    if !name.is_some_and(|name| ESTIMATES.contains(&name.as_str())) {
        return;
    }
    let parameter = |argument: &FunctionArg| {
        let (name, _) = named_value(argument);
        position_of(&ESTIMATE_PARAMETERS, &name?).map(|at| ESTIMATE_PARAMETERS[at])
    };
    let named: Vec<Option<&str>> = list.args.iter().map(parameter).collect();
    let repeated = ESTIMATE_PARAMETERS
        .iter()
        .any(|p| named.iter().filter(|named| **named == Some(*p)).count() > 1);
    // DataFusion reports names that are repeated, unknown, or before a position.
    let mut arguments = list.args.iter().zip(&named);
    let unknown = arguments
        .any(|(argument, named)| named.is_none() && !matches!(argument, FunctionArg::Unnamed(_)));
    if repeated || unknown {
        return;
    }
    for argument in &mut list.args {
        if let FunctionArg::Named { arg, .. } | FunctionArg::ExprNamed { arg, .. } = argument {
            *argument = FunctionArg::Unnamed(arg.clone());
        }
    }
}

/// Makes the arguments positional, with NULL for each optional parameter that is omitted.
/// DataFusion reports names that are repeated, unknown, or before a position, and required
/// parameters without an argument.
fn fill_omitted(function: &mut Function) {
    let parameters = function_name(function).and_then(|name| parameter_names(&name));
    let (Some((names, required)), FunctionArguments::List(list)) = (parameters, &mut function.args)
    else {
        return;
    };
    let mut values: Vec<Option<FunctionArg>> = vec![None; names.len()];
    let mut count = 0;
    for (at, argument) in list.args.iter().enumerate() {
        let (position, value) = match named_value(argument) {
            (None, value) if at == count => (Some(at), value),
            (None, _) => return,
            (Some(name), value) => (position_of(&names, &name), value),
        };
        let value = FunctionArg::Unnamed(value.clone());
        match position.and_then(|position| values.get_mut(position)) {
            Some(empty @ None) => *empty = Some(value),
            _ => return,
        }
        count = count.max(position.map_or(0, |position| position + 1));
    }
    let given = &values[..count];
    if given.iter().take(required).any(Option::is_none) || given.iter().all(Option::is_some) {
        return;
    }
    let null = || FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(Value::Null.into())));
    let filled = values.into_iter().take(count);
    list.args = filled.map(|value| value.unwrap_or_else(null)).collect();
}

/// The name of an argument, if it has one, and its value.
fn named_value(argument: &FunctionArg) -> (Option<String>, &FunctionArgExpr) {
    match argument {
        FunctionArg::Named { name, arg, .. } => (Some(name.value.clone()), arg),
        FunctionArg::ExprNamed { name, arg, .. } => (Some(name.to_string()), arg),
        FunctionArg::Unnamed(value) => (None, value),
    }
}

fn position_of(names: &[&str], name: &str) -> Option<usize> {
    let mut names = names.iter();
    names.position(|known| known.eq_ignore_ascii_case(name))
}

/// The name of a function without its schema, in small letters.
fn function_name(function: &Function) -> Option<String> {
    let name = function.name.0.last().and_then(|part| part.as_ident());
    name.map(|ident| ident.value.to_lowercase())
}

fn positional(function: &mut Function) -> Parsed<()> {
    let name = function_name(function);
    let Some(name) = name.filter(|name| FUNCTIONS.contains(&name.as_str())) else {
        return Ok(());
    };
    let FunctionArguments::List(list) = &mut function.args else {
        return Ok(());
    };
    let mut named: [Option<FunctionArg>; 2] = [None, None];
    let mut given = Vec::with_capacity(list.args.len() + 1);
    for argument in std::mem::take(&mut list.args) {
        let (key, value) = match named_value(&argument) {
            (Some(name), value) => (name.to_lowercase(), value.clone()),
            (None, _) => {
                given.push(argument);
                continue;
            }
        };
        let position = PARAMETERS.iter().position(|parameter| *parameter == key);
        // A text may be named too; its place is that in the call.
        let Some(position) = position else {
            if key == "text" {
                given.push(FunctionArg::Unnamed(value));
                continue;
            }
            return Err(ParserError::ParserError(format!(
                "{name} has no parameter '{key}'; its parameters after the texts are {}",
                PARAMETERS.join(" and ")
            )));
        };
        if named[position]
            .replace(FunctionArg::Unnamed(value))
            .is_some()
        {
            return Err(ParserError::ParserError(format!(
                "{key} is given twice to {name}"
            )));
        }
    }
    let [attributes, model] = named;
    let has_list = given.iter().any(is_list);
    match (attributes, &model) {
        (Some(_), _) if has_list => {
            return Err(ParserError::ParserError(format!(
                "attributes is given twice to {name}: as a list, and by name"
            )));
        }
        (Some(attributes), _) => given.push(attributes),
        (None, Some(_)) if !has_list => given.push(all_attributes()),
        (None, _) => {}
    }
    given.extend(model);
    list.args = given;
    Ok(())
}

fn is_list(argument: &FunctionArg) -> bool {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Array(_))) => true,
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(function))) => {
            let name = function.name.0.last().and_then(|part| part.as_ident());
            name.is_some_and(|name| name.value.eq_ignore_ascii_case("make_array"))
        }
        _ => false,
    }
}

/// `[NULL]`, which stands for all attributes of the model.
fn all_attributes() -> FunctionArg {
    let null = Expr::Value(Value::Null.into());
    FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Array(Array {
        elem: vec![null],
        named: false,
    })))
}

#[cfg(test)]
mod tests {
    use super::super::parser::parse_one;

    fn resolved(sql: &str) -> String {
        match parse_one(sql) {
            Ok(statement) => format!("{:?}", statement.command),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn names_become_positions() {
        for (named, positional) in [
            (
                "SELECT ai_extract(a, b, ['x'], model => 'm') FROM t",
                "SELECT ai_extract(a, b, ['x'], 'm') FROM t",
            ),
            (
                "SELECT ai_extract_details(a, MODEL => 'm', attributes => ['x']).x FROM t",
                "SELECT ai_extract_details(a, ['x'], 'm')['x'] FROM t",
            ),
            (
                "EXPLAIN SELECT ai_extract(a, b, model => 'm') FROM t",
                "EXPLAIN SELECT ai_extract(a, b, [NULL], 'm') FROM t",
            ),
            (
                "SELECT contrast(t, g, attributes => 'products')",
                "SELECT contrast(t, g, NULL, NULL, 'products')",
            ),
            (
                "SELECT ai_classify_adapted(v, Model => 'm') OVER ()",
                "SELECT ai_classify_adapted(v, NULL, 'm') OVER ()",
            ),
            (
                "SELECT ai_extract(a, make_array('x'), model => 'm')",
                "SELECT ai_extract(a, make_array('x'), 'm')",
            ),
            (
                "CREATE TABLE x AS SELECT upper(ai_extract(text => a, attributes => ['x'])['x']) FROM t",
                "CREATE TABLE x AS SELECT upper(ai_extract(a, ['x'])['x']) FROM t",
            ),
            (
                "SELECT 1 WHERE EXISTS (SELECT ai_extract(a, model => 'm') FROM t)",
                "SELECT 1 WHERE EXISTS (SELECT ai_extract(a, [NULL], 'm') FROM t)",
            ),
            (
                "SELECT ai_filter(a, 'b', model => 'm')",
                "SELECT ai_filter(a, 'b', model => 'm')",
            ),
            (
                "SELECT estimate_shares(p, g, confidence => 0.9), estimate_mean(p, g, confidence => 0.9, score => s) FROM t",
                "SELECT estimate_shares(p, g, 0.9), estimate_mean(p, g, 0.9, s) FROM t",
            ),
            (
                "SELECT estimate_shares(p, g, score => s, speed => 0.9) FROM t",
                "SELECT estimate_shares(p, g, score => s, speed => 0.9) FROM t",
            ),
            (
                "COPY (SELECT ai_extract(a, model => 'm')) TO 'x.csv'",
                "COPY (SELECT ai_extract(a, [NULL], 'm')) TO 'x.csv'",
            ),
        ] {
            // The places in the text differ.
            let without_places = |sql: &str| {
                let text = parse_one(sql).unwrap();
                match text.command {
                    super::StatementCommand::Engine(statement) => statement.to_string(),
                    super::StatementCommand::Explain(explain) => explain.to_string(),
                    super::StatementCommand::CopyTo(copy) => copy.to_string(),
                    other => format!("{other:?}"),
                }
            };
            assert_eq!(without_places(named), without_places(positional), "{named}");
        }
    }

    #[test]
    fn unknown_and_repeated_names_are_errors() {
        let unknown = resolved("SELECT ai_extract(a, ['x'], speed => 1)");
        assert!(unknown.contains("no parameter 'speed'"), "{unknown}");
        let twice = resolved("SELECT ai_extract(a, model => 'm', model => 'n')");
        assert!(twice.contains("model is given twice"), "{twice}");
        let twice = resolved("SELECT ai_extract(a, ['x'], attributes => ['y'])");
        assert!(twice.contains("attributes is given twice"), "{twice}");
        // Other functions resolve their names themselves.
        let other = resolved("SELECT embed(text => a, speed => 1)");
        assert!(!other.contains("no parameter"), "{other}");
    }

    #[test]
    fn all_statements_with_a_query_are_resolved() {
        for sql in [
            "SUMMARIZE SELECT ai_extract(a, speed => 1) FROM t",
            "DESCRIBE SELECT ai_extract(a, speed => 1) FROM t",
            "CREATE MODEL m FROM (SELECT ai_extract(a, speed => 1) AS y, b FROM t) PREDICT y",
            "CREATE VIEW v AS SELECT ai_extract(a, speed => 1) FROM t",
            "INSERT INTO u SELECT ai_extract(a, speed => 1) FROM t",
            "PREPARE p AS SELECT ai_extract(a, speed => 1) FROM t",
            "DECLARE c CURSOR FOR SELECT ai_extract(a, speed => 1) FROM t",
            "COPY (SELECT ai_extract(a, speed => 1) FROM t) TO 'x.svg' OPTIONS (chart 'bar')",
            "COPY (SELECT ai_extract(a, speed => 1) FROM t) TO STDOUT",
            "EXPLAIN ANALYZE SELECT ai_extract(a, speed => 1) FROM t",
        ] {
            let message = resolved(sql);
            assert!(message.contains("no parameter 'speed'"), "{sql}: {message}");
        }
    }
}
