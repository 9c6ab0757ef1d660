//! Everything the engine runs: queries, DDL, DML, its settings.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as PlannedStatement, WriteOp};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{Query, Statement as Ast};
use futures::TryStreamExt;
use futures::future::{BoxFuture, FutureExt};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::assignment;
use super::parsed::{Command, Statement};
use super::{Outcome, diagnose, models, set};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;

/// Plans and runs a statement of the engine. Rows come as a stream: nothing is
/// computed before the first is asked for.
///
/// # Errors
/// Planning and, for all but queries, execution.
pub async fn run(session: &Session, statement: &Statement) -> Result<Outcome> {
    match plan_of(session, statement).await? {
        Some(plan) => run_plan(session, plan).await,
        None => Err(ShellError::query("the engine does not run this statement")),
    }
}

/// The plan of a statement that the engine plans; `None` for all others.
///
/// # Errors
/// Planning; misspelt names come with a "did you mean".
pub async fn plan_of(session: &Session, statement: &Statement) -> Result<Option<LogicalPlan>> {
    let engine = match &statement.command {
        Command::Engine(engine) => engine.as_ref().clone(),
        Command::Explain(explain) => EngineStatement::Explain(explain.as_ref().clone()),
        Command::Show { statement, .. } => statement.as_ref().clone(),
        _ => return Ok(None),
    };
    plan(session, engine).await.map(Some)
}

/// The plan of a query.
///
/// # Errors
/// As [`plan_of`].
pub async fn plan_query(session: &Session, query: Box<Query>) -> Result<LogicalPlan> {
    let ast = Ast::Query(query);
    plan(session, EngineStatement::Statement(Box::new(ast))).await
}

async fn plan(session: &Session, statement: EngineStatement) -> Result<LogicalPlan> {
    models::resolve(session, &statement).await?;
    let state = session.ctx.state();
    let planned = off_workers({
        let statement = statement.clone();
        async move { Ok(state.statement_to_plan(statement).await?) }
    });
    match planned.await {
        Ok(plan) => Ok(plan),
        Err(error) => Err(diagnose::explain(session, &statement, error).await),
    }
}

/// Runs planning on a thread that may block: it reads files and models, and
/// calls on literals are answered by a model. It ends at its next pause once
/// the returned future is dropped.
///
/// # Errors
/// Those of `work`; that it panicked.
async fn off_workers<T: Send + 'static>(
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
            "planning was stopped by an internal error, which is on standard error",
        )),
    }
}

/// Runs a plan.
///
/// # Errors
/// What the policy refuses; planning what is left and, for all but queries,
/// execution.
pub fn run_plan(session: &Session, plan: LogicalPlan) -> BoxFuture<'_, Result<Outcome>> {
    async move {
        verify(session, &plan)?;
        match plan {
            LogicalPlan::Ddl(ref ddl) => {
                let message = message(ddl);
                let frame = session.ctx.execute_logical_plan(plan).await?;
                frame.collect().await?;
                Ok(Outcome::done(message))
            }
            LogicalPlan::Dml(ref dml) => {
                let verb = match dml.op {
                    WriteOp::Insert(_) => "inserted",
                    WriteOp::Delete => "deleted",
                    WriteOp::Update => "updated",
                    _ => "wrote",
                };
                let plan = assignment::cast(plan)?;
                let batches: Vec<RecordBatch> = stream(session, plan).await?.try_collect().await?;
                let count = count(&batches);
                Ok(Outcome::Done {
                    message: format!("{verb} {}", rows(count)),
                    rows: Some(count),
                })
            }
            LogicalPlan::Statement(PlannedStatement::SetVariable(set)) => {
                set::set(session, &set.variable, Some(&set.value)).await
            }
            LogicalPlan::Statement(PlannedStatement::ResetVariable(reset)) => {
                set::set(session, &reset.variable, None).await
            }
            LogicalPlan::Statement(PlannedStatement::Execute(_)) => {
                let frame = session.ctx.execute_logical_plan(plan).await?;
                run_plan(session, frame.into_unoptimized_plan()).await
            }
            LogicalPlan::Statement(_) => {
                session.ctx.execute_logical_plan(plan).await?;
                Ok(Outcome::done(""))
            }
            plan => {
                let stream = stream(session, plan).await?;
                Ok(Outcome::Rows {
                    schema: stream.schema(),
                    stream,
                })
            }
        }
    }
    .boxed()
}

/// Refuses a plan that writes where the policy allows reading only.
fn verify(session: &Session, plan: &LogicalPlan) -> Result<()> {
    if session.policy.allows_writes() {
        return Ok(());
    }
    let reads = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .verify_plan(plan);
    match reads {
        Ok(()) => Ok(()),
        Err(_) => session.policy.check_write("this statement"),
    }
}

async fn stream(session: &Session, plan: LogicalPlan) -> Result<SendableRecordBatchStream> {
    let state = session.ctx.state();
    let task = state.task_ctx();
    let plan: Arc<dyn ExecutionPlan> =
        off_workers(async move { Ok(state.create_physical_plan(&plan).await?) }).await?;
    session.show_progress(&plan);
    Ok(execute_stream(plan, task)?)
}

/// The number in the one cell that DML gives back.
fn count(batches: &[RecordBatch]) -> u64 {
    batches
        .iter()
        .filter(|batch| batch.num_columns() > 0)
        .filter_map(|batch| batch.column(0).as_primitive_opt::<UInt64Type>())
        .flat_map(|column| column.iter().flatten())
        .sum()
}

/// `1 row`, `250 rows`.
pub fn rows(count: u64) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} row{s}")
}

fn message(ddl: &DdlStatement) -> String {
    match ddl {
        DdlStatement::CreateExternalTable(it) => format!("created table {}", it.name),
        DdlStatement::CreateMemoryTable(it) => format!("created table {}", it.name),
        DdlStatement::CreateView(it) => format!("created view {}", it.name),
        DdlStatement::CreateCatalogSchema(it) => format!("created schema {}", it.schema_name),
        DdlStatement::CreateCatalog(it) => format!("created catalogue {}", it.catalog_name),
        DdlStatement::DropTable(it) => format!("dropped table {}", it.name),
        DdlStatement::DropView(it) => format!("dropped view {}", it.name),
        DdlStatement::DropCatalogSchema(it) => format!("dropped schema {}", it.name),
        other => other.name().to_lowercase(),
    }
}
