//! Columns of the output of an operator that keeps its input in memory: those that a
//! query uses, as positions among all columns that the operator could have.

use std::ops::Range;

use arrow::datatypes::Schema;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

/// Checks that `columns` are among `count`, and that `schema` has a field for each.
///
/// # Errors
/// They are not, or it has not.
pub fn check(columns: &[usize], count: usize, schema: &Schema) -> Result<()> {
    let are_there = columns.iter().all(|column| *column < count);
    match are_there && columns.len() == schema.fields().len() {
        true => Ok(()),
        false => internal_err!("the columns {columns:?} are not those of {schema}"),
    }
}

/// Those of `columns` that a projection chooses; `None` if it computes others.
pub fn chosen(columns: &[usize], projection: &ProjectionExec) -> Option<Vec<usize>> {
    let column = |expr: &ProjectionExpr| {
        let column = expr.expr.downcast_ref::<Column>()?;
        columns.get(column.index()).copied()
    };
    projection.expr().iter().map(column).collect()
}

/// The different ones of `columns` that are in a range, from its start, in order.
pub fn within(columns: &[usize], range: Range<usize>) -> Vec<usize> {
    let of_range = columns.iter().filter(|column| range.contains(column));
    let mut kept: Vec<usize> = of_range.map(|column| column - range.start).collect();
    kept.sort_unstable();
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_range_count_from_its_start() {
        assert_eq!(within(&[7, 2, 3, 2, 9, 0], 2..8), [0, 1, 5]);
        assert!(within(&[1, 2], 3..9).is_empty());
    }
}
