//! Plans of statements that write tables in memory.

use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::{ExplainStatement, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{SetExpr, Statement as Ast, With};

use super::node::WriteNode;
use super::{insert, merge, modify};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;

/// The plan of a statement that writes a table in memory, or that explains one; `None`
/// for all others.
///
/// # Errors
/// Planning.
pub async fn plan(session: &Session, statement: &EngineStatement) -> Result<Option<LogicalPlan>> {
    match statement {
        EngineStatement::Statement(ast) => Ok(write(session, ast).await?.map(WriteNode::into_plan)),
        EngineStatement::Explain(explain) => explained(session, explain).await,
        _ => Ok(None),
    }
}

async fn write(session: &Session, ast: &Ast) -> Result<Option<WriteNode>> {
    match ast {
        Ast::Query(query) => match (query.body.as_ref(), &query.with) {
            (
                SetExpr::Insert(inner)
                | SetExpr::Update(inner)
                | SetExpr::Delete(inner)
                | SetExpr::Merge(inner),
                with,
            ) => with_tables(session, inner, with.clone()).await,
            _ => Ok(None),
        },
        other => with_tables(session, other, None).await,
    }
}

async fn with_tables(
    session: &Session,
    ast: &Ast,
    with: Option<With>,
) -> Result<Option<WriteNode>> {
    match ast {
        Ast::Insert(statement) => insert::plan(session, statement.clone(), with).await,
        Ast::Update(statement) => modify::plan_update(session, statement.clone(), with).await,
        Ast::Delete(statement) => modify::plan_delete(session, statement.clone(), with).await,
        Ast::Merge(statement) => merge::plan(session, statement.clone(), with).await,
        _ => Ok(None),
    }
}

/// `EXPLAIN` of UPDATE, DELETE and MERGE: the query for their rows.
async fn explained(session: &Session, explain: &ExplainStatement) -> Result<Option<LogicalPlan>> {
    let EngineStatement::Statement(ast) = explain.statement.as_ref() else {
        return Ok(None);
    };
    // The engine explains INSERT.
    if matches!(ast.as_ref(), Ast::Insert(_)) {
        return Ok(None);
    }
    let Some(write) = write(session, ast).await? else {
        return Ok(None);
    };
    if explain.options.analyze {
        return Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            "EXPLAIN ANALYZE of UPDATE, DELETE and MERGE is not supported; EXPLAIN shows the plan",
        ));
    }
    let plan = LogicalPlanBuilder::from(write.input);
    let plan = plan.explain(explain.options.verbose, false)?.build()?;
    Ok(Some(plan))
}
