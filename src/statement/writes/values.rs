//! New values of columns in UPDATE and MERGE, and assignments in their syntax trees.

use std::sync::Arc;

use datafusion::common::{Column, DFSchema};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{Assignment, AssignmentTarget, Expr as SqlExpr, ObjectName};

use super::target::WriteTarget;
use crate::error::{ErrorKind, Result, ShellError};
use crate::statement::syntax::folded;

/// Columns of the table with their new values.
///
/// # Errors
/// Columns that do not exist or are assigned twice; a list of columns without as
/// many values.
pub fn assigned(
    target: &WriteTarget,
    assignments: Vec<Assignment>,
) -> Result<Vec<(usize, SqlExpr)>> {
    let mut all: Vec<(usize, SqlExpr)> = Vec::new();
    for assignment in assignments {
        let pairs = match assignment.target {
            AssignmentTarget::ColumnName(name) => vec![(name, assignment.value)],
            AssignmentTarget::Tuple(names) => {
                let values = row_of(assignment.value, names.len())?;
                names.into_iter().zip(values).collect()
            }
        };
        for (name, value) in pairs {
            let column = column_position(target, &name)?;
            if all.iter().any(|(other, _)| *other == column) {
                return Err(ShellError::of_kind(
                    ErrorKind::DuplicateColumn,
                    format!("column {name} is assigned twice"),
                ));
            }
            all.push((column, value));
        }
    }
    Ok(all)
}

/// Position of a column of the table in a list of columns.
///
/// # Errors
/// [`ErrorKind::UndefinedColumn`].
pub fn column_position(target: &WriteTarget, name: &ObjectName) -> Result<usize> {
    let last = name.0.last().and_then(|part| part.as_ident());
    target.column(&last.cloned().map_or_else(String::new, folded))
}

/// The values of a row, such as `(1, 2)`.
fn row_of(value: SqlExpr, count: usize) -> Result<Vec<SqlExpr>> {
    match value {
        SqlExpr::Tuple(values) if values.len() == count => Ok(values),
        SqlExpr::Nested(value) if count == 1 => Ok(vec![*value]),
        _ => Err(ShellError::of_kind(
            ErrorKind::NotSupported,
            format!("{count} columns need a row of {count} values; assign columns one at a time"),
        )),
    }
}

/// Columns of a planned query, which only the engine has typed.
pub struct PlannedValues {
    exprs: std::vec::IntoIter<Expr>,
    pub input: LogicalPlan,
}

impl PlannedValues {
    /// Takes the items of a planned SELECT apart.
    ///
    /// # Errors
    /// A plan of another form.
    pub fn of(plan: LogicalPlan) -> Result<Self> {
        match plan {
            LogicalPlan::Projection(projection) => Ok(Self {
                exprs: projection.expr.into_iter(),
                input: Arc::unwrap_or_clone(projection.input),
            }),
            _ => Err(ShellError::of_kind(
                ErrorKind::Internal,
                "the plan of a write has another form than expected",
            )),
        }
    }

    /// The next item, without its name.
    pub fn next(&mut self) -> Expr {
        let next = self.exprs.next().unwrap_or_else(|| lit(ScalarValue::Null));
        next.unalias()
    }

    /// The next item as a value of a column: a parameter takes its type.
    ///
    /// # Errors
    /// A type that cannot be assigned to the column.
    pub fn next_value(&mut self, target: &WriteTarget, column: usize) -> EngineResult<Expr> {
        let field = &target.table.definition().schema.fields()[column];
        let mut value = self.next();
        if let Expr::Placeholder(placeholder) = &mut value {
            placeholder.field.get_or_insert_with(|| field.clone());
        }
        value.cast_to(field.data_type(), self.input.schema().as_ref())
    }
}

/// The default of a column; NULL without one.
///
/// # Errors
/// A default that cannot be assigned to the column.
pub fn default_value(target: &WriteTarget, column: usize) -> EngineResult<Expr> {
    let definition = target.table.definition();
    let default = definition.columns[column].default.clone();
    let default = default.unwrap_or_else(|| lit(ScalarValue::Null));
    let data_type = definition.schema.field(column).data_type();
    default.cast_to(data_type, &DFSchema::empty())
}

/// The present value of a column.
pub fn present_value(target: &WriteTarget, column: usize) -> Expr {
    let name = target.table.definition().schema.field(column).name();
    Expr::Column(Column::new(Some(target.qualifier()), name))
}
