//! Models that a statement runs. They are found, and downloaded if necessary,
//! before planning, which needs their dimensions.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value, Visit, Visitor,
};
use semql_udfs::AiOptions;

use super::syntax::explained_ast;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;

/// Finds the models of a statement. The session's token cancels a download.
///
/// # Errors
/// A model that is missing, not allowed, or cannot be downloaded.
pub async fn resolve(session: &Session, statement: &EngineStatement) -> Result<()> {
    let models = ModelReferences::of(statement);
    let Some(options) = AiOptions::from_session(&session.ctx).filter(|_| !models.0.is_empty())
    else {
        return Ok(());
    };
    let resolved = tokio::task::spawn_blocking(move || {
        models.0.into_iter().try_for_each(|model| {
            let mut settings = options.settings.clone();
            if let Some(model) = model {
                settings.model = model;
            }
            // A language model has no files on this machine.
            let language_models = options.runtime.language_models();
            if language_models.get(&settings.model).is_some() {
                return Ok(());
            }
            let facts = options
                .runtime
                .facts_with_cancel(&settings, &options.cancel);
            facts.map(drop)
        })
    });
    match resolved.await {
        Ok(resolved) => Ok(resolved?),
        Err(_) => Err(ShellError::of_kind(
            ErrorKind::Internal,
            "the search for a model was stopped by an internal error; standard error has more",
        )),
    }
}

/// Models that calls name; `None` is the model of the session.
#[derive(Default)]
struct ModelReferences(BTreeSet<Option<String>>);

impl ModelReferences {
    fn of(statement: &EngineStatement) -> Self {
        let mut references = Self::default();
        if let Some(ast) = explained_ast(statement) {
            let _ = ast.visit(&mut references);
        }
        references
    }
}

impl Visitor for ModelReferences {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some(name) = function.name.0.last().and_then(|part| part.as_ident())
            && let Some(position) = semql_udfs::model_argument(&name.value)
        {
            let named = position.and_then(|position| model_of(function, position));
            match named {
                None => self.0.insert(None),
                // Planning refuses anything but a literal.
                Some(model) => model.is_some_and(|model| self.0.insert(Some(model))),
            };
        }
        ControlFlow::Continue(())
    }
}

/// The model that a call names: `None` if it names none, `Some(None)` if the name
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
    use crate::statement::parsed::StatementCommand;
    use crate::statement::parser::parse_one;

    fn models(sql: &str) -> Vec<Option<String>> {
        let engine = match parse_one(sql).unwrap().command {
            StatementCommand::Engine(engine) => *engine,
            StatementCommand::Explain(explain) => EngineStatement::Explain(*explain),
            other => panic!("{sql}: {other:?}"),
        };
        ModelReferences::of(&engine).0.into_iter().collect()
    }

    #[test]
    fn calls_name_models() {
        assert!(models("SELECT upper(a), embedded(b) FROM t").is_empty());
        assert_eq!(models("SELECT 1 WHERE categorize(a, b) = 'x'"), [None]);
        assert_eq!(
            models("EXPLAIN SELECT Embed(a, 'm'), ai_classify(a, ['x', 'y'], model => 'n') FROM t"),
            [Some("m".to_string()), Some("n".to_string())]
        );
        assert!(models("SELECT embed(a, b) FROM t").is_empty());
    }

    #[tokio::test]
    async fn a_missing_model_is_an_error_before_planning() {
        let session = Session::open(&crate::session::SessionOptions::default())
            .await
            .unwrap();
        let StatementCommand::Engine(engine) = parse_one("SELECT embed('x', 'no-such-model')")
            .unwrap()
            .command
        else {
            panic!("not a query");
        };
        let error = resolve(&session, &engine).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Setup, "{error}");
    }
}
