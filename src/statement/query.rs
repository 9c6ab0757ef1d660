//! Everything the engine runs: queries, DDL, INSERT, COPY.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::UInt64Type;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{DdlStatement, LogicalPlan, WriteOp};
use datafusion::physical_plan::{execute_stream, stream::RecordBatchStreamAdapter};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use futures::{StreamExt, TryStreamExt};

use super::{Outcome, copy};
use crate::error::{Result, ShellError};
use crate::session::Session;

/// Plans and runs `sql`. Rows come as a stream: nothing is computed before the
/// first is asked for.
///
/// # Errors
/// Syntax, planning and, for all but queries, execution.
pub async fn run(session: &Session, sql: &str) -> Result<Outcome> {
    let mut statements = parse(session, sql)?;
    let Some(last) = statements.pop() else {
        return Ok(done(""));
    };
    // A variable may have brought several statements.
    for statement in statements {
        if let Outcome::Rows { stream, .. } = one(session, statement).await? {
            stream.try_for_each(|_| async { Ok(()) }).await?;
        }
    }
    one(session, last).await
}

fn parse(session: &Session, sql: &str) -> Result<Vec<Statement>> {
    let state = session.ctx.state();
    let limit = state.config_options().sql_parser.recursion_limit.get();
    let statements = DFParserBuilder::new(sql)
        .with_dialect(&GenericDialect {})
        .with_recursion_limit(limit)
        .build()?
        .parse_statements()?;
    Ok(statements.into())
}

async fn one(session: &Session, statement: Statement) -> Result<Outcome> {
    if let Statement::CopyTo(statement) = statement {
        return copy::run(session, statement).await;
    }
    let plan = session.ctx.state().statement_to_plan(statement).await?;
    run_plan(session, plan).await
}

/// The plan of one statement; `None` for `COPY`, which has none before it runs.
///
/// # Errors
/// Syntax and planning; several statements.
pub async fn plan(session: &Session, sql: &str) -> Result<Option<LogicalPlan>> {
    let mut statements = parse(session, sql)?;
    match (statements.pop(), statements.is_empty()) {
        (None | Some(Statement::CopyTo(_)), _) => Ok(None),
        (Some(statement), true) => {
            let plan = session.ctx.state().statement_to_plan(statement).await?;
            Ok(Some(plan))
        }
        (Some(_), false) => Err(ShellError::query(
            "there are several statements; run them one at a time",
        )),
    }
}

/// Runs what [`plan`] planned.
///
/// # Errors
/// Planning what is left and, for all but queries, execution.
pub async fn run_plan(session: &Session, plan: LogicalPlan) -> Result<Outcome> {
    match plan {
        LogicalPlan::Ddl(ref ddl) => {
            let message = message(ddl);
            session
                .ctx
                .execute_logical_plan(plan)
                .await?
                .collect()
                .await?;
            Ok(Outcome::Done { message })
        }
        LogicalPlan::Dml(ref dml) => {
            let verb = match dml.op {
                WriteOp::Insert(_) => "inserted",
                WriteOp::Delete => "deleted",
                WriteOp::Update => "updated",
                _ => "wrote",
            };
            let batches: Vec<RecordBatch> = stream(session, plan).await?.try_collect().await?;
            Ok(done(&format!("{verb} {}", rows(count(&batches)))))
        }
        LogicalPlan::Statement(_) => {
            let frame = session.ctx.execute_logical_plan(plan).await?;
            if frame.schema().fields().is_empty() {
                return Ok(done(""));
            }
            // EXECUTE of a prepared query
            let plan = frame.into_unoptimized_plan();
            rows_of(session, plan).await
        }
        plan => rows_of(session, plan).await,
    }
}

async fn rows_of(session: &Session, plan: LogicalPlan) -> Result<Outcome> {
    let stream = stream(session, plan).await?;
    Ok(Outcome::Rows {
        schema: stream.schema(),
        stream,
    })
}

async fn stream(session: &Session, plan: LogicalPlan) -> Result<SendableRecordBatchStream> {
    let frame = session.ctx.execute_logical_plan(plan).await?;
    let task = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    let schema = plan.schema();
    session.show_progress(&plan);
    let stream = execute_stream(plan, task)?;
    // A result without rows has no batch of its own; the schema carries over.
    let stream = stream.map(|batch| batch);
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
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

fn done(message: &str) -> Outcome {
    Outcome::Done {
        message: message.to_string(),
    }
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
