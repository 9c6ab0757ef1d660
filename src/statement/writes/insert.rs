//! INSERT.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Values as PlannedRows,
};
use datafusion::sql::sqlparser::ast::{
    Ident, Insert, ObjectName, Query, SetExpr, Statement as Ast, TableObject, Values, With,
};

use super::node::{WriteKind, WriteNode};
use super::select::is_default;
use super::target::WriteTarget;
use super::values::{column_position, default_value};
use super::{conflict, returning};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::planning::ast_plan;
use crate::statement::syntax::folded;
use crate::tables::IdentityKind;

/// The write of an INSERT into a table in memory; `None` for other tables.
///
/// # Errors
/// Planning; columns that do not exist or take no values.
pub async fn plan(
    session: &Session,
    mut insert: Insert,
    with: Option<With>,
) -> Result<Option<WriteNode>> {
    let TableObject::TableName(name) = &insert.table else {
        return Ok(None);
    };
    let alias = insert.table_alias.take().map(|alias| alias.alias);
    let Some(target) = WriteTarget::find(session, name, alias.as_ref()).await? else {
        return Ok(None);
    };
    let state = session.state();
    let returning = returning::expressions(&state, &target, insert.returning.take())?;
    let conflict = match insert.on.take() {
        Some(on) => Some(conflict::rule(&state, &target, on)?),
        None => None,
    };
    let values = match insert
        .source
        .as_deref_mut()
        .map(|query| query.body.as_mut())
    {
        Some(SetExpr::Values(values)) => Some(values),
        _ => None,
    };
    let all_default = match values {
        Some(values) => shorten(&target, values, &mut insert.columns)?,
        None => insert.source.is_none(),
    };
    let input = if all_default {
        defaults(&target)?
    } else {
        check_identity(&target, &insert.columns)?;
        if let (Some(mut with), Some(query)) = (with, insert.source.as_mut()) {
            with.cte_tables
                .extend(query.with.take().into_iter().flat_map(|own| own.cte_tables));
            query.with = Some(with);
        }
        match insert.source.take() {
            Some(query) if !matches!(query.body.as_ref(), SetExpr::Values(_)) => {
                rows_of_query(session, &target, &insert.columns, query).await?
            }
            source => {
                insert.source = source;
                rows_of_values(session, insert).await?
            }
        }
    };
    let node = WriteNode::new(WriteKind::Insert, target, input, conflict, returning)?;
    Ok(Some(node))
}

/// The rows of VALUES, which the engine plans with the types of the table.
async fn rows_of_values(session: &Session, insert: Insert) -> Result<LogicalPlan> {
    match ast_plan(session, Ast::Insert(insert)).await? {
        LogicalPlan::Dml(dml) => nullable_values(Arc::unwrap_or_clone(dml.input)),
        _ => Err(ShellError::of_kind(
            ErrorKind::Internal,
            "the plan of INSERT has another form than expected",
        )),
    }
}

/// VALUES with columns that may be NULL, in place of those of the table: a NULL is then
/// an error of the table, which names its column.
fn nullable_values(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plan = plan.transform_up(|node| match node {
        LogicalPlan::Values(values) => {
            let fields = values.schema.iter().map(|(qualifier, field)| {
                let field = field.as_ref().clone().with_nullable(true);
                (qualifier.cloned(), Arc::new(field))
            });
            let metadata = values.schema.metadata().clone();
            let schema = DFSchema::new_with_metadata(fields.collect(), metadata)?;
            Ok(Transformed::yes(LogicalPlan::Values(PlannedRows {
                schema: Arc::new(schema),
                values: values.values,
            })))
        }
        node => Ok(Transformed::yes(node.recompute_schema()?)),
    })?;
    Ok(plan.data)
}

/// The rows of a query as rows of the table. The engine's own plan of INSERT gives the
/// columns of the table to each VALUES inside the query.
async fn rows_of_query(
    session: &Session,
    target: &WriteTarget,
    columns: &[ObjectName],
    query: Box<Query>,
) -> Result<LogicalPlan> {
    let plan = ast_plan(session, Ast::Query(query)).await?;
    let schema = Arc::clone(plan.schema());
    let fields = target.table.definition().schema.fields();
    let given = schema.fields().len();
    let positions = match columns.is_empty() {
        true => (0..given.min(fields.len())).collect(),
        false => {
            let positions = columns.iter().map(|name| column_position(target, name));
            positions.collect::<Result<Vec<usize>>>()?
        }
    };
    if positions.len() != given {
        return Err(ShellError::of_kind(
            ErrorKind::Syntax,
            format!(
                "INSERT has {} columns, and its query has {given}",
                positions.len()
            ),
        ));
    }
    if let Some(twice) = (1..given).find(|at| positions[..*at].contains(&positions[*at])) {
        return Err(ShellError::of_kind(
            ErrorKind::DuplicateColumn,
            format!("column {} is named twice", columns[twice]),
        ));
    }
    let values = fields.iter().enumerate().map(|(at, field)| {
        let position = positions.iter().position(|position| *position == at);
        let value = match position {
            Some(position) => Expr::Column(Column::from(schema.qualified_field(position)))
                .cast_to(field.data_type(), schema.as_ref())?,
            None => default_value(target, at)?,
        };
        Ok(value.alias(field.name()))
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    Ok(LogicalPlanBuilder::from(plan).project(values)?.build()?)
}

/// Names the columns of VALUES, as the engine expects them: rows may be shorter than
/// the table, and DEFAULT stands for a column that is not named. Returns whether all
/// columns of a single row are DEFAULT.
fn shorten(
    target: &WriteTarget,
    values: &mut Values,
    columns: &mut Vec<ObjectName>,
) -> Result<bool> {
    let fields = target.table.definition().schema.fields();
    let width = values.rows.first().map_or(0, |row| row.len());
    if values.rows.iter().any(|row| row.len() != width) {
        // The engine reports it.
        return Ok(false);
    }
    let has_default = values.rows.iter().any(|row| row.iter().any(is_default));
    if columns.is_empty() && (has_default || width < fields.len()) {
        let names = fields.iter().take(width);
        *columns = names
            .map(|field| Ident::with_quote('"', field.name()).into())
            .collect();
    }
    if !has_default || columns.len() != width {
        return Ok(false);
    }
    for at in (0..width).rev() {
        let count = values
            .rows
            .iter()
            .filter(|row| is_default(&row[at]))
            .count();
        if count == 0 {
            continue;
        }
        if count < values.rows.len() {
            return Err(ShellError::of_kind(
                ErrorKind::NotSupported,
                format!(
                    "DEFAULT in some rows of column {} and values in others is not supported; use two statements",
                    columns[at]
                ),
            ));
        }
        columns.remove(at);
        for row in &mut values.rows {
            row.remove(at);
        }
    }
    if !columns.is_empty() {
        return Ok(false);
    }
    match values.rows.len() {
        1 => Ok(true),
        _ => Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            "several rows of DEFAULT only are not supported; insert them one at a time",
        )),
    }
}

/// Refuses values for columns that are GENERATED ALWAYS.
fn check_identity(target: &WriteTarget, columns: &[ObjectName]) -> Result<()> {
    let definition = target.table.definition();
    let named: Vec<String> = columns
        .iter()
        .filter_map(|name| name.0.last()?.as_ident().cloned())
        .map(folded)
        .collect();
    for (field, rule) in definition.schema.fields().iter().zip(&definition.columns) {
        let is_always = matches!(rule.identity, Some((IdentityKind::Always, _)));
        if is_always && (columns.is_empty() || named.contains(field.name())) {
            return Err(ShellError::of_kind(
                ErrorKind::InvalidValue,
                format!(
                    "cannot insert a value into column '{}': it is GENERATED ALWAYS; leave it out, or write DEFAULT",
                    field.name()
                ),
            ));
        }
    }
    Ok(())
}

/// One row of defaults.
fn defaults(target: &WriteTarget) -> Result<LogicalPlan> {
    let schema = &target.table.definition().schema;
    let columns = schema.fields().iter().enumerate().map(|(at, field)| {
        let value = default_value(target, at)?;
        Ok(value.alias(field.name()))
    });
    let columns = columns.collect::<Result<Vec<_>>>()?;
    let empty = LogicalPlanBuilder::empty(true);
    Ok(empty.project(columns)?.build()?)
}
