//! Views over a table.

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::{TableType, ViewTable, source_as_provider};
use datafusion::logical_expr::LogicalPlan;

use super::object::ObjectPath;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::tables::{StoredTable, TableName};

/// Schemas whose views belong to the program.
const CATALOG_SCHEMAS: &[&str] = &["information_schema", "pg_catalog"];

/// The views that read a table, directly or through other views.
///
/// # Errors
/// A view that cannot be opened.
pub async fn views_over(session: &Session, table: &StoredTable) -> Result<Vec<ObjectPath>> {
    let mut found = Vec::new();
    for catalog in session.ctx.catalog_names() {
        let Some(provider) = session.ctx.catalog(&catalog) else {
            continue;
        };
        for schema in provider.schema_names() {
            if CATALOG_SCHEMAS.contains(&schema.as_str()) {
                continue;
            }
            let Some(tables) = provider.schema(&schema) else {
                continue;
            };
            for name in tables.table_names() {
                if tables.table_type(&name).await? != Some(TableType::View) {
                    continue;
                }
                let view = tables.table(&name).await?;
                let view = view
                    .as_ref()
                    .and_then(|view| view.downcast_ref::<ViewTable>());
                if let Some(view) = view
                    && reads(view.logical_plan(), table)?
                {
                    found.push(ObjectPath {
                        shown: name.clone(),
                        name: TableName {
                            catalog: catalog.clone(),
                            schema: schema.clone(),
                            table: name,
                        },
                        is_qualified: false,
                    });
                }
            }
        }
    }
    Ok(found)
}

/// Refuses a change of a table that views read.
///
/// # Errors
/// [`ErrorKind::DependentObjects`].
pub async fn check_none(
    session: &Session,
    table: &StoredTable,
    shown: &str,
    next: &str,
) -> Result<()> {
    let views = views_over(session, table).await?;
    match views.is_empty() {
        true => Ok(()),
        false => Err(depends(&views, shown, next)),
    }
}

/// Error of a table that views read.
pub fn depends(views: &[ObjectPath], shown: &str, next: &str) -> ShellError {
    let names: Vec<&str> = views.iter().map(|view| view.shown.as_str()).collect();
    ShellError::of_kind(
        ErrorKind::DependentObjects,
        format!(
            "cannot change table '{shown}': views read it: {}; {next}",
            names.join(", ")
        ),
    )
}

fn reads(plan: &LogicalPlan, table: &StoredTable) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(source) = source_as_provider(&scan.source)
        {
            found |= is_over(source.as_ref(), table);
        }
        Ok(match found {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

fn is_over(source: &dyn TableProvider, table: &StoredTable) -> bool {
    if let Some(stored) = source.downcast_ref::<StoredTable>() {
        return stored.id() == table.id();
    }
    let view = source.downcast_ref::<ViewTable>();
    view.is_some_and(|view| reads(view.logical_plan(), table).unwrap_or(false))
}
