//! `COPY ... TO 'postgresql://...' [OPTIONS (table '...', mode '...')]`: rows into a table
//! of a database, in one transaction.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::execution::{FunctionRegistry, SessionState};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::collect;
use datafusion::sql::parser::CopyToStatement;
use semql_databases::{DatabaseAddress, DatabaseTable, TableName, WriteMode, is_stored};

use super::request::{check_columns, mode, options, source};
use super::rows::{count, one_partition};
use crate::error::{Result, ShellError};
use crate::sources::databases;
use crate::state_copy::task_context;
use crate::statement::context::StatementContext;
use crate::statement::outcome::Outcome;
use crate::statement::plan_start::start_plan;
use crate::statement::row_count::rows;

/// Runs the statement, and returns the number of written rows.
///
/// # Errors
/// What the policy refuses; an error of the query or the database, whose table is then
/// unchanged.
pub async fn run(
    context: &StatementContext,
    statement: &CopyToStatement,
    address: DatabaseAddress,
) -> Result<Outcome> {
    let session = &context.session;
    session.policy.check_write("COPY")?;
    databases::check(&session.policy, &address)?;
    let (table, mode) = target(statement, &address)?;
    let input = source(session, &statement.source).await?;
    check_columns(statement, input.schema().inner())?;
    let state = session.state();
    let input = with_json(input, &state)?;
    let input = one_partition(state.create_physical_plan(&input).await?);
    let shown = format!("{table} of {address}");
    let plan = DatabaseTable::write_plan(databases::database(address), table, mode, input)?;
    start_plan(&*context.observer, &plan);
    let counted = collect(plan, task_context(&state)).await;
    context.observer.progress_ended();
    let copied = count(&counted?);
    Ok(Outcome::Done {
        message: format!("copied {} to {shown}", rows(copied)),
        rows: Some(copied),
    })
}

/// Makes JSON texts of columns with fields, which no column of a database holds.
fn with_json(input: LogicalPlan, state: &SessionState) -> Result<LogicalPlan> {
    let schema = Arc::clone(input.schema());
    if schema
        .fields()
        .iter()
        .all(|field| is_stored(field.data_type()))
    {
        return Ok(input);
    }
    let to_json = state.udf("to_json")?;
    let columns = schema.iter().map(|(qualifier, field)| {
        let column = Expr::from(Column::from((qualifier, field)));
        match is_stored(field.data_type()) {
            true => column,
            false => to_json.call(vec![column]).alias(field.name()),
        }
    });
    Ok(LogicalPlanBuilder::from(input).project(columns)?.build()?)
}

/// The table, and what happens to it.
fn target(
    statement: &CopyToStatement,
    address: &DatabaseAddress,
) -> Result<(TableName, WriteMode)> {
    if statement.stored_as.is_some() || !statement.partitioned_by.is_empty() {
        return Err(ShellError::query(
            "COPY into a database takes neither STORED AS nor PARTITIONED BY",
        ));
    }
    let mut given = options(&statement.options)?;
    let table = match (given.remove("format.table"), &address.table) {
        (Some(table), _) => {
            TableName::parse(&table).map_err(|error| ShellError::query(error.to_string()))?
        }
        (None, Some(table)) => table.clone(),
        (None, None) => return Err(databases::missing_table(address)),
    };
    let mode = mode(&mut given, WriteMode::NAMES)?.unwrap_or(WriteMode::Create);
    match given.keys().next() {
        Some(key) => Err(ShellError::query(format!(
            "unknown option '{}'; COPY into a database takes table and mode",
            key.trim_start_matches("format.")
        ))),
        None => Ok((table, mode)),
    }
}
