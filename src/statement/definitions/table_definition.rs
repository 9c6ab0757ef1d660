//! Definition of a table in memory from what a statement declares.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::DFSchema;
use datafusion::logical_expr::Expr;
use datafusion::sql::sqlparser::ast::Expr as SqlExpr;

use super::column_rules::DeclaredColumn;
use super::constraint_rules::DeclaredConstraint;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::tables::{CheckRule, ColumnRule, IdentitySequence, KeyRule, TableDefinition};

/// Field of a stored column. Columns of type NULL hold texts, as in Postgres.
pub fn stored_field(field: &Field, nullable: bool) -> FieldRef {
    let field = field.clone().with_nullable(nullable);
    Arc::new(match field.data_type() {
        DataType::Null => field.with_data_type(DataType::Utf8),
        _ => field,
    })
}

/// The rule of a declared column. `default` is that of the statement.
pub fn rule_of(column: &DeclaredColumn, default: Option<Expr>) -> ColumnRule {
    let identity = column.identity.map(|(kind, start, increment)| {
        let sequence = IdentitySequence::new(start, increment);
        (kind, Arc::new(sequence))
    });
    ColumnRule {
        default: match &identity {
            Some((_, sequence)) => Some(sequence.next_value()),
            None => default,
        },
        default_sql: column.default_sql.clone(),
        max_length: column.max_length.clone(),
        declared: column.declared.clone(),
        identity,
    }
}

/// Refuses columns of the same name.
///
/// # Errors
/// [`ErrorKind::DuplicateColumn`].
pub fn check_unique(fields: &[FieldRef]) -> Result<()> {
    for (at, field) in fields.iter().enumerate() {
        if fields[..at]
            .iter()
            .any(|other| other.name() == field.name())
        {
            return Err(ShellError::of_kind(
                ErrorKind::DuplicateColumn,
                format!(
                    "there are two columns '{}'; name one of them AS another",
                    field.name()
                ),
            ));
        }
    }
    Ok(())
}

/// Adds constraints to a definition. Columns of primary keys refuse NULL.
///
/// # Errors
/// Columns that do not exist; two primary keys; conditions that cannot be planned.
pub fn constrain(
    session: &Session,
    definition: &mut TableDefinition,
    table: &str,
    constraints: Vec<DeclaredConstraint>,
) -> Result<()> {
    for constraint in constraints {
        match constraint {
            DeclaredConstraint::Key {
                name,
                columns,
                primary,
            } => add_key(definition, table, name, &columns, primary)?,
            DeclaredConstraint::Check {
                name,
                column,
                condition,
            } => {
                let name = name.unwrap_or_else(|| match column {
                    Some(column) => format!("{table}_{column}_check"),
                    None => format!("{table}_check"),
                });
                let name = free_name(definition, name);
                let check = check(session, &definition.schema, name, *condition)?;
                definition.checks.push(check);
            }
            DeclaredConstraint::ForeignKey(key) => definition.foreign_keys.push(key),
        }
    }
    Ok(())
}

fn add_key(
    definition: &mut TableDefinition,
    table: &str,
    name: Option<String>,
    columns: &[String],
    primary: bool,
) -> Result<()> {
    if primary && definition.keys.iter().any(|key| key.primary) {
        return Err(ShellError::of_kind(
            ErrorKind::Syntax,
            format!("table '{table}' cannot have two primary keys"),
        ));
    }
    let position = |column: &String| {
        definition.schema.index_of(column).map_err(|_| {
            ShellError::of_kind(
                ErrorKind::UndefinedColumn,
                format!("column '{column}' of a key does not exist"),
            )
        })
    };
    let positions = columns.iter().map(position).collect::<Result<Vec<_>>>()?;
    if primary {
        let fields = definition.schema.fields().iter().enumerate();
        let fields = fields.map(|(at, field)| match positions.contains(&at) {
            true => Arc::new(field.as_ref().clone().with_nullable(false)),
            false => Arc::clone(field),
        });
        let fields: Vec<FieldRef> = fields.collect();
        let metadata = definition.schema.metadata().clone();
        definition.schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    }
    let name = name.unwrap_or_else(|| match primary {
        true => format!("{table}_pkey"),
        false => format!("{table}_{}_key", columns.join("_")),
    });
    let name = free_name(definition, name);
    definition.keys.push(KeyRule {
        name,
        columns: positions,
        primary,
    });
    Ok(())
}

/// The name, or the name with a number if the table has it.
fn free_name(definition: &TableDefinition, name: String) -> String {
    let keys = definition.keys.iter().map(|key| &key.name);
    let taken: Vec<&String> = keys
        .chain(definition.checks.iter().map(|check| &check.name))
        .collect();
    let numbered = (1..).map(|number| format!("{name}{number}"));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    let free = names.find(|name| !taken.contains(&name));
    free.unwrap_or(name)
}

fn check(
    session: &Session,
    schema: &Arc<Schema>,
    name: String,
    condition: SqlExpr,
) -> Result<CheckRule> {
    let sql = condition.to_string();
    let df_schema = DFSchema::try_from(Arc::clone(schema))?;
    let parsed = datafusion::sql::sqlparser::ast::ExprWithAlias {
        expr: condition,
        alias: None,
    };
    let state = session.ctx.state();
    let expr = state.create_logical_expr_from_sql_expr(parsed, &df_schema)?;
    check_rule(session, &df_schema, name, sql, expr)
}

/// A check constraint over the columns of a schema.
///
/// # Errors
/// A condition that is no boolean expression over the columns of a row.
pub fn check_rule(
    session: &Session,
    schema: &DFSchema,
    name: String,
    sql: String,
    expr: Expr,
) -> Result<CheckRule> {
    let condition = session.ctx.create_physical_expr(expr.clone(), schema)?;
    if condition.data_type(schema.as_arrow())? != DataType::Boolean {
        return Err(ShellError::of_kind(
            ErrorKind::InvalidValue,
            format!("the check constraint '{name}' is not a boolean expression: {sql}"),
        ));
    }
    Ok(CheckRule {
        name,
        sql,
        expr,
        condition,
    })
}
