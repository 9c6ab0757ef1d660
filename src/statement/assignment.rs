//! Assignment casts: an INSERT stores values of the types of the table's columns.
//!
//! The engine casts the values of a statement while planning. Parameters get their
//! values, and possibly other types, afterwards.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::logical_plan::Projection;
use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan, WriteOp, cast as cast_expr};

use crate::error::{ErrorKind, Result, ShellError};

/// Adds casts to a plan of INSERT whose rows have other types than the columns. A
/// value that does not fit fails the statement before anything is stored.
///
/// # Errors
/// If the rows and the table have different numbers of columns.
pub fn cast(plan: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Dml(dml) = plan else {
        return Ok(plan);
    };
    if !matches!(dml.op, WriteOp::Insert(_)) {
        return Ok(LogicalPlan::Dml(dml));
    }
    let target = dml.target.schema();
    let given = dml.input.schema();
    if target.fields().len() != given.fields().len() {
        return Err(ShellError::of_kind(
            ErrorKind::InvalidValue,
            format!(
                "the table {} has {} columns, and the rows to insert have {}",
                dml.table_name,
                target.fields().len(),
                given.fields().len()
            ),
        ));
    }
    let fields = || given.iter().zip(target.fields());
    if fields().all(|((_, given), wanted)| given.data_type() == wanted.data_type()) {
        return Ok(LogicalPlan::Dml(dml));
    }
    let columns = fields().map(|((qualifier, given), wanted)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), given.name()));
        match given.data_type() == wanted.data_type() {
            true => column,
            false => cast_expr(column, wanted.data_type().clone()).alias(wanted.name()),
        }
    });
    let input = Projection::try_new(columns.collect(), Arc::clone(&dml.input))?;
    let input = Arc::new(LogicalPlan::Projection(input));
    Ok(LogicalPlan::Dml(DmlStatement::new(
        dml.table_name.clone(),
        Arc::clone(&dml.target),
        dml.op.clone(),
        input,
    )))
}
