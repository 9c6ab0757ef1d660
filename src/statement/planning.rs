//! Planning on threads that may block, and streams of physical plans.

use std::sync::Arc;

use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::Statement as Ast;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::context::StatementContext;
use super::plan_start::start_plan;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::state_copy::task_context;

/// The engine's plan of a statement.
///
/// # Errors
/// Those of the engine.
pub(super) async fn engine_plan(
    session: &Session,
    statement: EngineStatement,
) -> Result<LogicalPlan> {
    let state = session.state();
    run_blocking(async move { Ok(state.statement_to_plan(statement).await?) }).await
}

/// The engine's plan of a syntax tree.
///
/// # Errors
/// Those of the engine.
pub(super) async fn ast_plan(session: &Session, ast: Ast) -> Result<LogicalPlan> {
    engine_plan(session, EngineStatement::Statement(Box::new(ast))).await
}

/// Runs planning on a thread that may block. Planning reads files and models, and
/// a model evaluates calls on literals. It ends at its next await point once the
/// returned future is dropped.
///
/// # Errors
/// Those of `work`; that it panicked.
pub(super) async fn run_blocking<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let token = CancellationToken::new();
    let _ends_with_this = token.clone().drop_guard();
    let handle = Handle::current();
    let done = tokio::task::spawn_blocking(move || {
        handle.block_on(async move { token.run_until_cancelled(work).await })
    });
    match done.await {
        Ok(Some(result)) => result,
        Ok(None) => Err(ShellError::interrupted()),
        Err(_) => Err(ShellError::of_kind(
            ErrorKind::Internal,
            "planning was stopped by an internal error; standard error has more",
        )),
    }
}

/// The physical plan of a query, after the reports of its start.
///
/// # Errors
/// Physical planning.
pub(super) async fn physical_plan(
    context: &StatementContext,
    plan: LogicalPlan,
) -> Result<Arc<dyn ExecutionPlan>> {
    let state = context.session.state();
    let plan: Arc<dyn ExecutionPlan> =
        run_blocking(async move { Ok(state.create_physical_plan(&plan).await?) }).await?;
    start_plan(&*context.observer, &plan);
    Ok(plan)
}

/// The rows of a query.
///
/// # Errors
/// Physical planning, and what starts the execution.
pub(super) async fn stream(
    context: &StatementContext,
    plan: LogicalPlan,
) -> Result<SendableRecordBatchStream> {
    let task = task_context(&context.session.state());
    let plan = physical_plan(context, plan).await?;
    Ok(execute_stream(plan, task)?)
}
