//! ALTER TABLE.

use std::sync::Arc;

use arrow::datatypes::Field;
use datafusion::common::DFSchema;
use datafusion::logical_expr::{DdlStatement, Expr, ExprSchemable, LogicalPlan, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, ColumnDef, Expr as SqlExpr,
    ExprWithAlias, Ident, RenameTableNameKind, Statement as Ast,
};

use super::alteration::{Alteration, AlteredColumn};
use super::column_rules;
use super::constraint_rules::of_table;
use super::object::ObjectPath;
use super::rename::rename;
use super::table_change::TableChange;
use super::table_definition::{rule_of, stored_field};
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::outcome::Outcome;
use crate::statement::planning::ast_plan;
use crate::statement::syntax::{folded, statement_in};
use crate::tables::StoredTable;

/// Alters a table in memory, or renames a table or view.
///
/// # Errors
/// A table that does not exist or is not in memory; views over it; rows that do not
/// conform to the new definition; changes that are not supported.
pub async fn run(session: &Session, alter: &AlterTable) -> Result<Outcome> {
    let path = ObjectPath::of(session, &alter.name)?;
    if path.kind(session).await?.is_none() {
        return match alter.if_exists {
            true => Ok(Outcome::done("there is no such table")),
            false => Err(path.missing("table")),
        };
    }
    if let [AlterTableOperation::RenameTable { table_name }] = alter.operations.as_slice() {
        let (RenameTableNameKind::To(name) | RenameTableNameKind::As(name)) = table_name;
        return rename(session, &path, name).await;
    }
    if alter.operations.iter().all(is_ignored) {
        return Ok(Outcome::done(format!("kept table {} as it is", path.shown)));
    }
    let mut change = TableChange::begin(session, &path, "ALTER TABLE").await?;
    let table = change.table().clone();
    for operation in &alter.operations {
        apply(session, &mut change.alteration, &table, operation.clone()).await?;
    }
    change.store().await?;
    Ok(Outcome::done(format!("altered table {}", path.shown)))
}

/// Whether an operation has no meaning here: owners and storage parameters.
fn is_ignored(operation: &AlterTableOperation) -> bool {
    matches!(
        operation,
        AlterTableOperation::OwnerTo { .. }
            | AlterTableOperation::SetOptionsParens { .. }
            | AlterTableOperation::ReplicaIdentity { .. }
            | AlterTableOperation::ValidateConstraint { .. }
    )
}

async fn apply(
    session: &Session,
    alteration: &mut Alteration,
    table: &StoredTable,
    operation: AlterTableOperation,
) -> Result<()> {
    match operation {
        AlterTableOperation::AddColumn {
            if_not_exists,
            column_def,
            ..
        } => {
            let name = folded(column_def.name.clone());
            match if_not_exists && alteration.has_column(&name) {
                true => Ok(()),
                false => add_column(session, alteration, column_def).await,
            }
        }
        AlterTableOperation::DropColumn {
            column_names,
            if_exists,
            ..
        } => {
            for name in column_names.into_iter().map(folded) {
                if !if_exists || alteration.has_column(&name) {
                    alteration.drop_column(&name)?;
                }
            }
            Ok(())
        }
        AlterTableOperation::RenameColumn {
            old_column_name,
            new_column_name,
        } => alteration.rename_column(&folded(old_column_name), &folded(new_column_name)),
        AlterTableOperation::AlterColumn { column_name, op } => {
            alter_column(session, alteration, table, column_name, op).await
        }
        AlterTableOperation::AddConstraint { constraint, .. } => {
            alteration.add_constraint(of_table(constraint)?);
            Ok(())
        }
        AlterTableOperation::DropConstraint {
            if_exists, name, ..
        } => alteration.drop_constraint(&folded(name), if_exists),
        AlterTableOperation::RenameConstraint { old_name, new_name } => {
            alteration.rename_constraint(&folded(old_name), folded(new_name))
        }
        other if is_ignored(&other) => Ok(()),
        other => Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            format!("ALTER TABLE ... {other} is not supported"),
        )),
    }
}

async fn add_column(
    session: &Session,
    alteration: &mut Alteration,
    mut column: ColumnDef,
) -> Result<()> {
    let mut constraints = Vec::new();
    let declared = column_rules::take(&mut column, &mut constraints)?;
    let (field, default) = planned_column(session, column).await?;
    let rule = rule_of(&declared, default);
    let value = rule
        .default
        .clone()
        .unwrap_or_else(|| lit(ScalarValue::Null));
    let value = value.cast_to(field.data_type(), &DFSchema::empty())?;
    alteration.add_column(AlteredColumn {
        field: stored_field(&field, !declared.not_null).as_ref().clone(),
        rule,
        value,
    });
    for constraint in constraints {
        alteration.add_constraint(constraint);
    }
    Ok(())
}

async fn alter_column(
    session: &Session,
    alteration: &mut Alteration,
    table: &StoredTable,
    name: Ident,
    operation: AlterColumnOperation,
) -> Result<()> {
    let column = alteration.column(&folded(name.clone()))?;
    match operation {
        AlterColumnOperation::SetNotNull => {
            column.field = column.field.clone().with_nullable(false);
        }
        AlterColumnOperation::DropNotNull => {
            column.field = column.field.clone().with_nullable(true);
        }
        AlterColumnOperation::SetDefault { value } => {
            column.rule.default_sql = Some(value.to_string());
            column.rule.default = Some(expression(session, value, &DFSchema::empty())?);
            column.rule.identity = None;
        }
        AlterColumnOperation::DropDefault => {
            column.rule.default_sql = None;
            column.rule.default = None;
            column.rule.identity = None;
        }
        AlterColumnOperation::SetDataType {
            data_type, using, ..
        } => {
            let mut definition = ColumnDef {
                name,
                data_type,
                options: Vec::new(),
            };
            let declared = column_rules::take(&mut definition, &mut Vec::new())?;
            let (field, _) = planned_column(session, definition).await?;
            let schema = DFSchema::try_from(Arc::clone(&table.definition().schema))?;
            let value = match using {
                Some(using) => expression(session, using, &schema)?,
                None => column.value.clone(),
            };
            column.value = value.cast_to(field.data_type(), &schema)?;
            column.field = column
                .field
                .clone()
                .with_data_type(field.data_type().clone());
            column.rule.max_length = declared.max_length;
            column.rule.declared = declared.declared;
        }
        AlterColumnOperation::AddGenerated { .. } => {
            return Err(ShellError::of_kind(
                ErrorKind::NotSupported,
                format!(
                    "column {name}: ADD GENERATED is not supported; create the table with the identity column"
                ),
            ));
        }
    }
    Ok(())
}

fn expression(session: &Session, expr: SqlExpr, schema: &DFSchema) -> Result<Expr> {
    let expr = ExprWithAlias { expr, alias: None };
    let state = session.ctx.state();
    Ok(state.create_logical_expr_from_sql_expr(expr, schema)?)
}

/// The field and the default of a column, as the engine plans them.
async fn planned_column(session: &Session, column: ColumnDef) -> Result<(Field, Option<Expr>)> {
    let mut create = statement_in("CREATE TABLE t (a INT)")?;
    if let Ast::CreateTable(create) = &mut create {
        create.columns = vec![column];
    }
    let LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(planned)) =
        ast_plan(session, create).await?
    else {
        return Err(unexpected());
    };
    let field = planned.input.schema().field(0).as_ref().clone();
    let default = planned.column_defaults.into_iter().next();
    Ok((field, default.map(|(_, value)| value)))
}

fn unexpected() -> ShellError {
    ShellError::of_kind(
        ErrorKind::Internal,
        "the plan of a column has another form than expected",
    )
}
