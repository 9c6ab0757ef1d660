//! UPDATE and DELETE.

use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::sql::sqlparser::ast::{
    Delete, FromTable, Statement as Ast, TableFactor, TableWithJoins, Update, UpdateTableFromKind,
    With,
};

use super::node::{WriteKind, WriteNode};
use super::returning;
use super::select::{SelectParts, is_default, row_id};
use super::target::WriteTarget;
use super::values::{PlannedValues, assigned, default_value, present_value};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::planning::ast_plan;
use crate::tables::ROW_ID;

/// The write of an UPDATE of a table in memory; `None` for other tables.
///
/// # Errors
/// Planning; columns that do not exist.
pub async fn plan_update(
    session: &Session,
    update: Update,
    with: Option<With>,
) -> Result<Option<WriteNode>> {
    let Some((target, rows)) = target_of(session, &update.table).await? else {
        return Ok(None);
    };
    if update.or.is_some() || update.limit.is_some() || !update.order_by.is_empty() {
        return Err(not_supported("UPDATE with OR, ORDER BY or LIMIT"));
    }
    let assignments = assigned(&target, update.assignments)?;
    let mut from = vec![rows];
    match update.from {
        Some(UpdateTableFromKind::BeforeSet(tables) | UpdateTableFromKind::AfterSet(tables)) => {
            from.extend(tables);
        }
        None => {}
    }
    let mut items = vec![row_id(&target.alias)];
    let values = assignments.iter().map(|(_, value)| value);
    items.extend(values.filter(|value| !is_default(value)).cloned());
    let parts = SelectParts {
        with,
        items,
        from,
        condition: update.selection,
    };
    let mut planned = planned(session, parts).await?;
    let mut columns = vec![planned.next().alias(ROW_ID)];
    let mut values = vec![None; target.table.definition().columns.len()];
    for (column, value) in &assignments {
        values[*column] = Some(match is_default(value) {
            true => default_value(&target, *column)?,
            false => planned.next_value(&target, *column)?,
        });
    }
    for (column, value) in values.into_iter().enumerate() {
        let value = value.unwrap_or_else(|| present_value(&target, column));
        columns.push(value.alias(target.table.definition().schema.field(column).name()));
    }
    let input = LogicalPlanBuilder::from(planned.input)
        .project(columns)?
        .build()?;
    let returning = returning::expressions(&session.state(), &target, update.returning)?;
    let node = WriteNode::new(WriteKind::Update, target, input, None, returning)?;
    Ok(Some(node))
}

/// The write of a DELETE from a table in memory; `None` for other tables.
///
/// # Errors
/// Planning.
pub async fn plan_delete(
    session: &Session,
    delete: Delete,
    with: Option<With>,
) -> Result<Option<WriteNode>> {
    let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = delete.from;
    let [table] = tables.as_slice() else {
        return Ok(None);
    };
    let Some((target, rows)) = target_of(session, table).await? else {
        return Ok(None);
    };
    if delete.limit.is_some() || !delete.order_by.is_empty() || !delete.tables.is_empty() {
        return Err(not_supported(
            "DELETE with several tables, ORDER BY or LIMIT",
        ));
    }
    let mut from = vec![rows];
    from.extend(delete.using.unwrap_or_default());
    let parts = SelectParts {
        with,
        items: vec![row_id(&target.alias)],
        from,
        condition: delete.selection,
    };
    let mut planned = planned(session, parts).await?;
    let columns = vec![planned.next().alias(ROW_ID)];
    let input = LogicalPlanBuilder::from(planned.input)
        .project(columns)?
        .build()?;
    let returning = returning::expressions(&session.state(), &target, delete.returning)?;
    let node = WriteNode::new(WriteKind::Delete, target, input, None, returning)?;
    Ok(Some(node))
}

/// The target, and the item of FROM with its row ids.
async fn target_of(
    session: &Session,
    table: &TableWithJoins,
) -> Result<Option<(WriteTarget, TableWithJoins)>> {
    let Some(target) = WriteTarget::of_factor(session, &table.relation).await? else {
        return Ok(None);
    };
    let TableFactor::Table { name, .. } = &table.relation else {
        return Ok(None);
    };
    let rows = TableWithJoins {
        relation: target.rows_factor(name),
        joins: table.joins.clone(),
    };
    Ok(Some((target, rows)))
}

/// Plans the query behind a write.
///
/// # Errors
/// Planning.
pub async fn planned(session: &Session, parts: SelectParts) -> Result<PlannedValues> {
    let query = parts.into_query().map_err(DataFusionError::from)?;
    PlannedValues::of(ast_plan(session, Ast::Query(query)).await?)
}

fn not_supported(what: &str) -> ShellError {
    ShellError::of_kind(ErrorKind::NotSupported, format!("{what} is not supported"))
}
