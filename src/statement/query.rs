//! Statements of the engine: queries, DDL, DML, settings.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::{QueryPlanner, SQLOptions};
use datafusion::logical_expr::{
    CreateMemoryTable, DdlStatement, LogicalPlan, Statement as PlannedStatement, WriteOp,
};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{Query, Statement as Ast};
use futures::TryStreamExt;
use futures::future::{BoxFuture, FutureExt};
use semql_udfs::AiQueryPlanner;
use semql_udfs::plan::{estimates, language_model_estimates};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::context::StatementContext;
use super::outcome::Outcome;
use super::parsed::{Statement, StatementCommand};
use super::plan_start::{may_call_language_models, report_calls, start_plan};
use super::{assignment, diagnose, explain, required_models};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;

/// Plans and runs a statement of the engine. Its rows are a lazy stream.
///
/// # Errors
/// Planning and, for all but queries, execution.
pub async fn run(context: &StatementContext, statement: &Statement) -> Result<Outcome> {
    match plan_of(&context.session, statement).await? {
        Some(plan) => run_plan(context, plan).await,
        None => Err(ShellError::query("the engine does not run this statement")),
    }
}

/// The plan of a statement that the engine plans; `None` for all others.
///
/// # Errors
/// Planning. Errors of misspelt names suggest the nearest name.
pub async fn plan_of(session: &Session, statement: &Statement) -> Result<Option<LogicalPlan>> {
    let engine = match &statement.command {
        StatementCommand::Engine(engine) => engine.as_ref().clone(),
        StatementCommand::Explain(explain) => EngineStatement::Explain(explain.as_ref().clone()),
        StatementCommand::Show { statement, .. } => statement.as_ref().clone(),
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
    required_models::resolve(session, &statement).await?;
    let state = session.ctx.state();
    let planned = run_blocking({
        let statement = statement.clone();
        async move { Ok(state.statement_to_plan(statement).await?) }
    });
    match planned.await {
        Ok(plan) => Ok(plan),
        Err(error) => Err(diagnose::diagnose(session, &statement, error).await),
    }
}

/// Runs planning on a thread that may block. Planning reads files and models, and
/// a model evaluates calls on literals. It ends at its next await point once the
/// returned future is dropped.
///
/// # Errors
/// Those of `work`; that it panicked.
async fn run_blocking<T: Send + 'static>(
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

/// Runs a plan.
///
/// # Errors
/// What the policy refuses; physical planning and, for all but queries, execution.
pub fn run_plan(context: &StatementContext, plan: LogicalPlan) -> BoxFuture<'_, Result<Outcome>> {
    let session = &context.session;
    async move {
        verify(session, &plan)?;
        match plan {
            LogicalPlan::Ddl(ddl) => {
                let message = message(&ddl);
                let plan = LogicalPlan::Ddl(reported(context, ddl).await?);
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
                let batches: Vec<RecordBatch> = stream(context, plan).await?.try_collect().await?;
                let count = count(&batches);
                Ok(Outcome::Done {
                    message: format!("{verb} {}", rows(count)),
                    rows: Some(count),
                })
            }
            LogicalPlan::Statement(PlannedStatement::SetVariable(set)) => {
                session.assign(&set.variable, Some(&set.value)).await?;
                Ok(Outcome::done(""))
            }
            LogicalPlan::Statement(PlannedStatement::ResetVariable(reset)) => {
                session.assign(&reset.variable, None).await?;
                Ok(Outcome::done(""))
            }
            LogicalPlan::Statement(PlannedStatement::Execute(_)) => {
                let frame = session.ctx.execute_logical_plan(plan).await?;
                run_plan(context, frame.into_unoptimized_plan()).await
            }
            LogicalPlan::Statement(_) => {
                session.ctx.execute_logical_plan(plan).await?;
                Ok(Outcome::done(""))
            }
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => run_explain(context, plan).await,
            plan => {
                let stream = stream(context, plan).await?;
                Ok(Outcome::Rows {
                    schema: stream.schema(),
                    stream,
                })
            }
        }
    }
    .boxed()
}

/// Refuses a plan that writes if the policy is read-only.
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

async fn stream(
    context: &StatementContext,
    plan: LogicalPlan,
) -> Result<SendableRecordBatchStream> {
    let state = context.session.ctx.state();
    let task = state.task_ctx();
    let plan: Arc<dyn ExecutionPlan> =
        run_blocking(async move { Ok(state.create_physical_plan(&plan).await?) }).await?;
    start_plan(&*context.observer, &plan);
    Ok(execute_stream(plan, task)?)
}

/// Reports the calls of language models in `CREATE TABLE ... AS`. Returns the statement
/// with its query optimized, so that calls on literals run once.
async fn reported(context: &StatementContext, ddl: DdlStatement) -> Result<DdlStatement> {
    let session = &context.session;
    let create = match ddl {
        DdlStatement::CreateMemoryTable(create) => create,
        other => return Ok(other),
    };
    let is_skipped = create.if_not_exists && session.ctx.table_exist(create.name.clone())?;
    if is_skipped || !may_call_language_models(&create.input)? {
        return Ok(DdlStatement::CreateMemoryTable(create));
    }
    let (state, input) = (session.ctx.state(), Arc::clone(&create.input));
    let planned = run_blocking(async move {
        let input = state.optimize(&input)?;
        let planner = state.query_planner();
        let plan = planner.create_physical_plan(&input, &state).await?;
        Ok((input, plan))
    });
    let (input, plan) = planned.await?;
    report_calls(&*context.observer, &plan);
    Ok(DdlStatement::CreateMemoryTable(CreateMemoryTable {
        input: Arc::new(input),
        ..create
    }))
}

/// Runs `EXPLAIN`. Without `ANALYZE`, its first row is the estimate of the explained
/// plan as this process would run it, also with a cluster.
async fn run_explain(context: &StatementContext, plan: LogicalPlan) -> Result<Outcome> {
    let state = context.session.ctx.state();
    let task = state.task_ctx();
    let planned = run_blocking(async move {
        let plan = state.optimize(&plan)?;
        let estimates = match &plan {
            LogicalPlan::Explain(explain) => {
                let planner = AiQueryPlanner::default();
                let explained = planner.create_physical_plan(&explain.plan, &state).await;
                // The rows of EXPLAIN, or its own error, report errors of this plan.
                explained.map_or_else(
                    |_| (Vec::new(), Vec::new()),
                    |plan| (estimates(plan.as_ref()), language_model_estimates(&plan)),
                )
            }
            _ => (Vec::new(), Vec::new()),
        };
        let planner = state.query_planner();
        Ok((
            estimates,
            planner.create_physical_plan(&plan, &state).await?,
        ))
    });
    let ((estimates, models), plan) = planned.await?;
    // EXPLAIN has no plan below it; EXPLAIN ANALYZE runs one.
    start_plan(&*context.observer, &plan);
    let plans: Vec<RecordBatch> = execute_stream(plan, task)?.try_collect().await?;
    Ok(Outcome::of_batch(explain::rows(
        estimates, &models, &plans,
    )?))
}

/// The number of rows in the result of DML.
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
