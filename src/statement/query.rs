//! Statements of the engine: queries, DDL, DML, settings.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use datafusion::execution::context::{QueryPlanner, SQLOptions};
use datafusion::logical_expr::{DdlStatement, LogicalPlan, Statement as PlannedStatement, WriteOp};
use datafusion::physical_plan::execute_stream;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{Query, Statement as Ast};
use futures::TryStreamExt;
use futures::future::{BoxFuture, FutureExt};
use semql_udfs::AiQueryPlanner;
use semql_udfs::plan::{estimates, language_model_estimates};

use super::context::StatementContext;
use super::outcome::Outcome;
use super::parsed::{Statement, StatementCommand};
use super::plan_start::start_plan;
use super::planning::{engine_plan, run_blocking, stream};
use super::row_count::rows;
use super::writes::{self, WriteNode};
use super::{assignment, definitions, diagnose, explain, prepared_statements, required_models};
use crate::error::{Result, ShellError};
use crate::session::Session;
use crate::sources;
use crate::state_copy::task_context;

/// Plans and runs a statement of the engine. Its rows are a lazy stream.
///
/// # Errors
/// Planning and, for all but queries, execution.
pub async fn run(context: &StatementContext, statement: &Statement) -> Result<Outcome> {
    if let Some(definition) = definitions::of(statement) {
        return definitions::run(context, definition).await;
    }
    match plan_of(&context.session, statement).await? {
        Some(plan) => run_plan(context, plan).await,
        None => Err(ShellError::query("the engine does not run this statement")),
    }
}

/// Whether a plan gives rows to its client.
pub fn has_rows(plan: &LogicalPlan) -> bool {
    match WriteNode::of(plan) {
        Some(write) => !write.returning.is_empty(),
        None => !matches!(
            plan,
            LogicalPlan::Ddl(_)
                | LogicalPlan::Dml(_)
                | LogicalPlan::Copy(_)
                | LogicalPlan::Statement(_)
        ),
    }
}

/// The plan of a statement that has one; `None` for all others.
///
/// # Errors
/// Planning. Errors of misspelt names suggest the nearest name.
pub async fn plan_of(session: &Session, statement: &Statement) -> Result<Option<LogicalPlan>> {
    match engine_of(statement) {
        Some(engine) => plan_engine(session, engine).await.map(Some),
        None => Ok(None),
    }
}

/// The statement of the engine; `None` if the engine does not plan it.
pub fn engine_of(statement: &Statement) -> Option<EngineStatement> {
    if definitions::of(statement).is_some() || prepared_statements::of(statement).is_some() {
        return None;
    }
    match &statement.command {
        StatementCommand::Engine(engine) => Some(engine.as_ref().clone()),
        StatementCommand::Explain(explain) => {
            Some(EngineStatement::Explain(explain.as_ref().clone()))
        }
        StatementCommand::Show { statement, .. } => Some(statement.as_ref().clone()),
        _ => None,
    }
}

/// The plan of a query.
///
/// # Errors
/// As [`plan_of`].
pub async fn plan_query(session: &Session, query: Box<Query>) -> Result<LogicalPlan> {
    let ast = Ast::Query(query);
    plan_engine(session, EngineStatement::Statement(Box::new(ast))).await
}

/// The plan of a statement of the engine.
///
/// # Errors
/// As [`plan_of`].
pub async fn plan_engine(session: &Session, statement: EngineStatement) -> Result<LogicalPlan> {
    required_models::resolve(session, &statement).await?;
    let planned = match writes::plan(session, &statement).await {
        Ok(Some(write)) => Ok(write),
        Ok(None) => engine_plan(session, statement.clone()).await,
        Err(error) => Err(error),
    };
    match planned {
        Ok(plan) => Ok(plan),
        Err(error) => Err(diagnose::diagnose(session, &statement, error).await),
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
        if let Some(write) = WriteNode::of(&plan) {
            return writes::run(context, write).await;
        }
        match plan {
            LogicalPlan::Ddl(ddl) => {
                if let DdlStatement::CreateExternalTable(create) = &ddl {
                    let state = session.state();
                    sources::delta::check_external_table(state.as_ref(), &session.policy, create)
                        .await?;
                }
                let message = message(&ddl);
                let frame = session
                    .ctx
                    .execute_logical_plan(LogicalPlan::Ddl(ddl))
                    .await?;
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
        Ok(()) if WriteNode::of(plan).is_none() => Ok(()),
        _ => session.policy.check_write("this statement"),
    }
}

/// Runs `EXPLAIN`. Without `ANALYZE`, its first row is the estimate of the explained
/// plan as this process would run it, also with a cluster.
async fn run_explain(context: &StatementContext, plan: LogicalPlan) -> Result<Outcome> {
    let state = context.session.state();
    let task = task_context(&state);
    let planned = run_blocking(async move {
        let plan = state.optimize(&plan)?;
        let estimates = match &plan {
            LogicalPlan::Explain(explain) => {
                let planner = AiQueryPlanner::default();
                let explained = planner
                    .create_physical_plan(&explain.plan, state.as_ref())
                    .await;
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
            planner.create_physical_plan(&plan, state.as_ref()).await?,
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
