//! Arguments by name in calls of functions with any number of texts.
//!
//! DataFusion resolves a name by the position of a parameter, and the positions of
//! `attributes` and `model` depend on the number of texts. They become positional here.

use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::{CopyToSource, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{
    Array, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value, VisitMut,
    VisitorMut,
};
use datafusion::sql::sqlparser::parser::ParserError;

use super::parsed::{ConnectionCommand, DescribeSource, StatementCommand};
use super::syntax::Parsed;
use crate::error::Result;

/// Functions with texts, then a list of attributes, then a model.
const FUNCTIONS: &[&str] = &["ai_extract", "ai_extract_details"];

/// The parameters after the texts, in order.
const PARAMETERS: [&str; 2] = ["attributes", "model"];

/// Makes the arguments of all calls in a statement positional.
///
/// # Errors
/// An unknown name, or one that is given twice.
pub fn resolve(command: &mut StatementCommand) -> Result<()> {
    let mut resolver = Resolver;
    let flow = match command {
        StatementCommand::Engine(statement) => engine(statement, &mut resolver),
        StatementCommand::Explain(explain) => engine(&mut explain.statement, &mut resolver),
        StatementCommand::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(&mut resolver),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        StatementCommand::Describe(DescribeSource::Query(query))
        | StatementCommand::Summarize(query) => query.visit(&mut resolver),
        StatementCommand::CreateModel(create) => create.query.visit(&mut resolver),
        StatementCommand::Connection(ConnectionCommand::Declare { query, .. }) => {
            return resolve(&mut query.command);
        }
        StatementCommand::Connection(ConnectionCommand::CopyOut(copy)) => {
            return resolve(&mut copy.query.command);
        }
        _ => ControlFlow::Continue(()),
    };
    match flow {
        ControlFlow::Break(error) => Err(DataFusionError::from(error).into()),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn engine(statement: &mut EngineStatement, resolver: &mut Resolver) -> ControlFlow<ParserError> {
    match statement {
        EngineStatement::Statement(ast) => ast.visit(resolver),
        EngineStatement::Explain(explain) => engine(&mut explain.statement, resolver),
        EngineStatement::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(resolver),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        _ => ControlFlow::Continue(()),
    }
}

struct Resolver;

impl VisitorMut for Resolver {
    type Break = ParserError;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<ParserError> {
        let Expr::Function(function) = expr else {
            return ControlFlow::Continue(());
        };
        match positional(function) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

fn positional(function: &mut Function) -> Parsed<()> {
    let name = function.name.0.last().and_then(|part| part.as_ident());
    let name = name.map(|ident| ident.value.to_lowercase());
    let Some(name) = name.filter(|name| FUNCTIONS.contains(&name.as_str())) else {
        return Ok(());
    };
    let FunctionArguments::List(list) = &mut function.args else {
        return Ok(());
    };
    let mut named: [Option<FunctionArg>; 2] = [None, None];
    let mut given = Vec::with_capacity(list.args.len() + 1);
    for argument in std::mem::take(&mut list.args) {
        let (key, value) = match argument {
            FunctionArg::Named { name, arg, .. } => (name.value.to_lowercase(), arg),
            FunctionArg::ExprNamed { name, arg, .. } => (name.to_string().to_lowercase(), arg),
            FunctionArg::Unnamed(value) => {
                given.push(FunctionArg::Unnamed(value));
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
        if named[position].replace(FunctionArg::Unnamed(value)).is_some() {
            return Err(ParserError::ParserError(format!("{key} is given twice to {name}")));
        }
    }
    let [attributes, model] = named;
    let has_list = given.iter().any(is_list);
    match (attributes, &model) {
        (Some(attributes), _) => given.push(attributes),
        (None, Some(_)) if !has_list => given.push(all_attributes()),
        (None, _) => {}
    }
    given.extend(model);
    list.args = given;
    Ok(())
}

fn is_list(argument: &FunctionArg) -> bool {
    matches!(
        argument,
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Array(_)))
    )
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
                "SELECT ai_extract_details(a, ['x'], 'm').x FROM t",
            ),
            (
                "EXPLAIN SELECT ai_extract(a, b, model => 'm') FROM t",
                "EXPLAIN SELECT ai_extract(a, b, [NULL], 'm') FROM t",
            ),
            (
                "COPY (SELECT ai_extract(a, model => 'm')) TO 'x.csv'",
                "COPY (SELECT ai_extract(a, [NULL], 'm')) TO 'x.csv'",
            ),
        ] {
            // The places in the text differ.
            let without_places = |sql: &str| {
                let text = parse_one(sql).unwrap();
                let text = match text.command {
                    super::StatementCommand::Engine(statement) => statement.to_string(),
                    super::StatementCommand::Explain(explain) => explain.to_string(),
                    super::StatementCommand::CopyTo(copy) => copy.to_string(),
                    other => format!("{other:?}"),
                };
                text
            };
            assert_eq!(without_places(named), without_places(positional), "{named}");
        }
    }

    #[test]
    fn unknown_and_repeated_names_are_errors() {
        let unknown = resolved("SELECT ai_extract(a, ['x'], speed => 1)");
        assert!(unknown.contains("no parameter 'speed'"), "{unknown}");
        let twice = resolved("SELECT ai_extract(a, model => 'm', model => 'n')");
        assert!(twice.contains("given twice"), "{twice}");
    }
}
