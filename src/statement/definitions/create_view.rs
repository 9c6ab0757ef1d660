//! CREATE VIEW.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::config::ConfigOptions;
use datafusion::datasource::{TableType, ViewTable, source_as_provider};
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::optimizer::analyzer::Analyzer;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::sql::sqlparser::ast::{CreateView, Statement as Ast};

use super::object::ObjectPath;
use super::table_definition::check_unique;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::outcome::Outcome;
use crate::statement::planning::ast_plan;
use crate::tables::TemporaryTable;

/// Creates or replaces a view.
///
/// # Errors
/// A name that exists; errors of the query.
pub async fn run(session: &Session, create: &CreateView) -> Result<Outcome> {
    let mut create = create.clone();
    let path = ObjectPath::of(session, &create.name)?;
    let is_temporary = std::mem::take(&mut create.temporary) || path.is_in_temporary_schema();
    let if_not_exists = std::mem::take(&mut create.if_not_exists);
    let kind = match is_temporary {
        true => {
            let before = session.tables.temporary(&path.name.table);
            before.map(|before| before.table_type())
        }
        false => path.kind(session).await?,
    };
    match kind {
        None => {}
        Some(_) if if_not_exists => {
            return Ok(Outcome::done(format!("view {} exists already", path.shown)));
        }
        Some(TableType::View) if create.or_replace => {}
        Some(TableType::Base | TableType::Temporary) if create.or_replace => {
            return Err(ShellError::of_kind(
                ErrorKind::DuplicateTable,
                format!(
                    "'{}' is a table, not a view; DROP TABLE removes it",
                    path.shown
                ),
            ));
        }
        Some(_) => return Err(path.duplicate()),
    }
    let planned = match ast_plan(session, Ast::CreateView(create)).await? {
        LogicalPlan::Ddl(DdlStatement::CreateView(planned)) => planned,
        _ => {
            return Err(ShellError::of_kind(
                ErrorKind::Internal,
                "the plan of CREATE VIEW has another form than expected",
            ));
        }
    };
    // Other sessions would see the rows of this one.
    let is_temporary = is_temporary || reads_temporary(session, &planned.input)?;
    let coercion = Analyzer::with_rules(vec![Arc::new(TypeCoercion::new())]);
    let input = Arc::unwrap_or_clone(planned.input);
    let input = coercion.execute_and_check(input, &ConfigOptions::default(), |_, _| {})?;
    check_unique(input.schema().fields())?;
    let view = Arc::new(ViewTable::new(input, planned.definition));
    if is_temporary {
        let temporary = TemporaryTable {
            provider: view,
            dropped_at_commit: false,
        };
        session
            .tables
            .put_temporary(path.name.table.clone(), temporary);
    } else {
        let schema = path.schema(session)?;
        if schema.table_exist(&path.name.table) {
            schema.deregister_table(&path.name.table)?;
        }
        schema.register_table(path.name.table.clone(), view)?;
    }
    Ok(Outcome::done(format!("created view {}", path.shown)))
}

/// Whether a plan reads a temporary table or view of the session.
fn reads_temporary(session: &Session, plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(temporary) = session.tables.temporary(scan.table_name.table())
            && let Ok(source) = source_as_provider(&scan.source)
        {
            found |= Arc::ptr_eq(&temporary, &source);
        }
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}
