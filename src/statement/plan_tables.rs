//! Tables in memory that a plan reads or writes.

use datafusion::common::TableReference;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::LogicalPlan;

use super::writes::WriteNode;
use crate::error::Result;
use crate::session::Session;
use crate::tables::StoredTable;

/// Whether all tables in memory of a plan still have their names: none was dropped,
/// altered, renamed or replaced since the plan was made.
///
/// # Errors
/// A table that cannot be opened.
pub async fn is_current(session: &Session, plan: &LogicalPlan) -> Result<bool> {
    for (name, id) in tables(plan)? {
        let Ok(schema) = session.state().schema_for_ref(name.clone()) else {
            return Ok(false);
        };
        let table = schema.table(name.table()).await?;
        let stored = table
            .as_ref()
            .and_then(|table| table.downcast_ref::<StoredTable>());
        if stored.is_none_or(|table| table.id() != id) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Names and numbers of the tables.
fn tables(plan: &LogicalPlan) -> Result<Vec<(TableReference, u64)>> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let Some(write) = WriteNode::of(node) {
            found.push((write.target.name.clone(), write.target.table.id()));
        }
        if let LogicalPlan::TableScan(scan) = node
            && let Ok(source) = source_as_provider(&scan.source)
            && let Some(table) = source.downcast_ref::<StoredTable>()
        {
            found.push((scan.table_name.clone(), table.id()));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}
