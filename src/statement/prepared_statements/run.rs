//! Execution of PREPARE, EXECUTE and DEALLOCATE.

use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::{ExplainStatement, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{
    DataType as SqlType, Expr, Ident, SelectItem, SetExpr, Statement as Ast, Value,
};

use super::syntax::{Execution, PreparedStatementCommand};
use super::{arguments, registry};
use crate::dialect::cast_to;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::context::StatementContext;
use crate::statement::outcome::Outcome;
use crate::statement::parameters::PreparedPlan;
use crate::statement::parsed::{Statement, StatementCommand};
use crate::statement::query;
use crate::statement::syntax::query_in;
use crate::statement::writes::WriteNode;

/// Type of a parameter that PREPARE leaves to the statement.
const UNKNOWN: &str = "unknown";

/// Runs a command about a prepared statement. `statement` has the names of the columns
/// of what PREPARE prepares.
///
/// # Errors
/// Names that exist, or do not; planning; arguments that do not fit; execution.
pub async fn run(
    context: &StatementContext,
    statement: &Statement,
    command: PreparedStatementCommand<'_>,
) -> Result<Outcome> {
    let session = &context.session;
    match command {
        PreparedStatementCommand::Prepare {
            name,
            types,
            statement: prepared,
        } => {
            registry::check_new(session, &name)?;
            let engine = EngineStatement::Statement(Box::new(prepared.clone()));
            let command = StatementCommand::Engine(Box::new(engine));
            let prepared = Statement::new(prepared.to_string(), command)
                .with_column_names(statement.column_names.clone());
            let declared = declared_types(session, types).await?;
            let plan = match is_preparable(&prepared) {
                true => PreparedPlan::prepare(session, &prepared, &declared).await?,
                false => None,
            };
            let Some(plan) = plan else {
                return Err(ShellError::of_kind(
                    ErrorKind::NotSupported,
                    format!(
                        "{} cannot be prepared; PREPARE takes SELECT, INSERT, UPDATE, DELETE, MERGE and VALUES",
                        prepared.tag()
                    ),
                ));
            };
            let named = registry::NamedStatement {
                statement: prepared,
                plan,
            };
            registry::add(session, name, named)?;
            Ok(Outcome::done(""))
        }
        PreparedStatementCommand::Execute(execution) => {
            let plan = bound(session, &execution).await?;
            query::run_plan(context, plan).await
        }
        PreparedStatementCommand::Explain { options, execution } => {
            let plan = explained(bound(session, &execution).await?, options)?;
            query::run_plan(context, plan).await
        }
        PreparedStatementCommand::Deallocate { name } => {
            registry::remove(session, name.as_deref())?;
            Ok(Outcome::done(""))
        }
    }
}

/// Whether PREPARE takes a statement.
fn is_preparable(statement: &Statement) -> bool {
    let StatementCommand::Engine(engine) = &statement.command else {
        return false;
    };
    let EngineStatement::Statement(ast) = engine.as_ref() else {
        return false;
    };
    matches!(
        ast.as_ref(),
        Ast::Query(_) | Ast::Insert(_) | Ast::Update(_) | Ast::Delete(_) | Ast::Merge(_)
    )
}

/// The plan of EXECUTE, with its arguments in place of parameters.
async fn bound(session: &Session, execution: &Execution<'_>) -> Result<LogicalPlan> {
    let named = registry::get(session, &execution.name)?;
    let values = arguments::values(session, &named.plan, execution.arguments).await?;
    named.plan.bind(session, values).await
}

/// `EXPLAIN` of a bound plan. That of a write shows the query for its rows.
fn explained(plan: LogicalPlan, options: &ExplainStatement) -> Result<LogicalPlan> {
    let analyze = options.options.analyze;
    let plan = match WriteNode::of(&plan) {
        Some(_) if analyze => {
            return Err(ShellError::of_kind(
                ErrorKind::NotSupported,
                "EXPLAIN ANALYZE of a prepared write is not supported; EXPLAIN shows the plan",
            ));
        }
        Some(write) => write.input.clone(),
        None => plan,
    };
    let explained = LogicalPlanBuilder::from(plan).explain(options.options.verbose, analyze)?;
    Ok(explained.build()?)
}

/// Types that PREPARE declares, as the engine has them.
async fn declared_types(session: &Session, types: &[SqlType]) -> Result<Vec<Option<DataType>>> {
    if types.is_empty() {
        return Ok(Vec::new());
    }
    let mut items = Vec::with_capacity(types.len());
    for data_type in types {
        let null = Expr::Value(Value::Null.into());
        let expr = match is_unknown(data_type) {
            true => null,
            false => cast_to(null, data_type.clone()).map_err(DataFusionError::from)?,
        };
        let alias = Ident::with_quote('"', format!("${}", items.len() + 1));
        items.push(SelectItem::ExprWithAlias { expr, alias });
    }
    let mut query = query_in("SELECT 1")?;
    if let SetExpr::Select(select) = query.body.as_mut() {
        select.projection = items;
    }
    let plan = query::plan_query(session, query).await?;
    let fields = plan.schema().fields().iter();
    let types = fields.map(|field| Some(field.data_type().clone()).filter(|t| !t.is_null()));
    Ok(types.collect())
}

fn is_unknown(data_type: &SqlType) -> bool {
    matches!(data_type, SqlType::Custom(name, _) if name.to_string().eq_ignore_ascii_case(UNKNOWN))
}
