//! Models that a statement asks, found and where need be downloaded before it is
//! planned: planning itself then finds all it needs to know of them.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::error::DataFusionError;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value, Visit, Visitor,
};
use semql_udfs::AiOptions;

use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;

/// Finds the models of a statement. A download ends once the session's token is
/// cancelled.
///
/// # Errors
/// A model that is missing, not allowed, or cannot be downloaded.
pub async fn resolve(session: &Session, statement: &EngineStatement) -> Result<()> {
    let asked = Asked::of(statement);
    let Some(options) = AiOptions::of(&session.ctx).filter(|_| !asked.0.is_empty()) else {
        return Ok(());
    };
    let resolved = tokio::task::spawn_blocking(move || {
        for model in asked.0 {
            let mut settings = options.settings.clone();
            if let Some(model) = model {
                settings.model = model;
            }
            options
                .runtime
                .facts_with_cancel(&settings, &options.cancel)?;
        }
        Ok(())
    });
    match resolved.await {
        Ok(resolved) => {
            Ok(resolved.map_err(|error: semql_udfs::Error| DataFusionError::from(error))?)
        }
        Err(_) => Err(ShellError::of_kind(
            ErrorKind::Internal,
            "the search for a model was stopped by an internal error, which is on standard error",
        )),
    }
}

/// Models that calls name; `None` is that of the session.
#[derive(Default)]
struct Asked(BTreeSet<Option<String>>);

impl Asked {
    fn of(statement: &EngineStatement) -> Self {
        let mut asked = Self::default();
        let mut statement = statement;
        while let EngineStatement::Explain(explain) = statement {
            statement = &explain.statement;
        }
        if let EngineStatement::Statement(ast) = statement {
            let _ = ast.visit(&mut asked);
        }
        asked
    }
}

impl Visitor for Asked {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some(name) = function.name.0.last().and_then(|part| part.as_ident())
            && let Some(position) = semql_udfs::model_argument(&name.value)
        {
            let named = position.and_then(|position| model_of(function, position));
            match named {
                None => self.0.insert(None),
                // Anything but a literal is an error of planning.
                Some(model) => model.is_some_and(|model| self.0.insert(Some(model))),
            };
        }
        ControlFlow::Continue(())
    }
}

/// The model that a call names: `None` where it names none, `Some(None)` where it
/// is not a literal.
fn model_of(function: &Function, position: usize) -> Option<Option<String>> {
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let argument = list
        .args
        .iter()
        .enumerate()
        .find_map(|(at, argument)| match argument {
            FunctionArg::Unnamed(value) if at == position => Some(value),
            FunctionArg::Named { name, arg, .. } if name.value.eq_ignore_ascii_case("model") => {
                Some(arg)
            }
            _ => None,
        })?;
    Some(match argument {
        FunctionArgExpr::Expr(Expr::Value(value)) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::parsed::Command;
    use crate::statement::parser::parse_one;

    fn asked(sql: &str) -> Vec<Option<String>> {
        let engine = match parse_one(sql).unwrap().command {
            Command::Engine(engine) => *engine,
            Command::Explain(explain) => EngineStatement::Explain(*explain),
            other => panic!("{sql}: {other:?}"),
        };
        Asked::of(&engine).0.into_iter().collect()
    }

    #[test]
    fn calls_name_models() {
        assert!(asked("SELECT upper(a), embedded(b) FROM t").is_empty());
        assert_eq!(asked("SELECT 1 WHERE categorize(a, b) = 'x'"), [None]);
        assert_eq!(
            asked("EXPLAIN SELECT Embed(a, 'm'), ai_classify(a, ['x', 'y'], model => 'n') FROM t"),
            [Some("m".to_string()), Some("n".to_string())]
        );
        assert!(asked("SELECT embed(a, b) FROM t").is_empty());
    }

    #[tokio::test]
    async fn a_missing_model_is_told_before_planning() {
        let session = Session::open(&crate::session::SessionOptions::default())
            .await
            .unwrap();
        let Command::Engine(engine) = parse_one("SELECT embed('x', 'no-such-model')")
            .unwrap()
            .command
        else {
            panic!("not a query");
        };
        let error = resolve(&session, &engine).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Setup, "{error}");
    }
}
