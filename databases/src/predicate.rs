//! Filters that a database evaluates as the engine does.
//!
//! Only comparisons whose meaning does not depend on the database are sent: texts compare
//! by collations there, padded columns ignore blanks, and time stamps are rounded.

use std::collections::HashSet;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::logical_expr::{
    BinaryExpr, Expr, Operator, TableProviderFilterPushDown as Support,
};
use datafusion::scalar::ScalarValue;

/// Columns of a table, as far as filters depend on them.
#[derive(Clone, Debug)]
pub struct FilterColumns {
    pub schema: SchemaRef,
    /// Columns whose type differs in the database, which evaluates no filter on them.
    pub converted: HashSet<String>,
    /// Whether values may have other types than their column.
    pub dynamic_types: bool,
}

impl FilterColumns {
    /// How well the database evaluates a filter: exactly, with further rows that the
    /// engine removes again, or not at all.
    pub fn support(&self, filter: &Expr) -> Support {
        match filter {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: Operator::And | Operator::Or,
                right,
            }) => weaker(self.support(left), self.support(right)),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                match (left.as_ref(), right.as_ref()) {
                    (Expr::Column(_), Expr::Literal(..)) => self.comparison(left, *op, [&**right]),
                    (Expr::Literal(..), Expr::Column(_)) => self.comparison(right, *op, [&**left]),
                    _ => Support::Unsupported,
                }
            }
            Expr::Between(between) if !between.negated => {
                let bounds = [&*between.low, &*between.high];
                self.comparison(&between.expr, Operator::GtEq, bounds)
            }
            Expr::InList(list) if !list.negated => {
                self.comparison(&list.expr, Operator::Eq, &list.list)
            }
            Expr::IsNull(expr) | Expr::IsNotNull(expr) => match self.column_type(expr) {
                Some(_) => Support::Exact,
                None => Support::Unsupported,
            },
            _ => Support::Unsupported,
        }
    }

    fn column_type(&self, expr: &Expr) -> Option<&DataType> {
        let Expr::Column(column) = expr else {
            return None;
        };
        if self.converted.contains(&column.name) {
            return None;
        }
        let field = self.schema.field_with_name(&column.name).ok()?;
        Some(field.data_type())
    }

    /// Support of a comparison of a column with literals.
    fn comparison<'a>(
        &self,
        column: &Expr,
        operator: Operator,
        literals: impl IntoIterator<Item = &'a Expr>,
    ) -> Support {
        let Some(data_type) = self.column_type(column) else {
            return Support::Unsupported;
        };
        let equal = operator == Operator::Eq;
        let ordered = matches!(
            operator,
            Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
        );
        let mut values = literals.into_iter().map(|literal| match literal {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        });
        let fits = values.all(|value| value.is_some_and(|value| is_comparable(value, data_type)));
        match (fits && (equal || ordered), data_type.is_string()) {
            (false, _) => Support::Unsupported,
            // A collation may find more texts equal.
            (true, true) if equal => Support::Inexact,
            (true, true) => Support::Unsupported,
            (true, false) if self.dynamic_types => Support::Inexact,
            (true, false) => Support::Exact,
        }
    }
}

/// Whether a literal compares with a column of the type the same everywhere.
fn is_comparable(value: &ScalarValue, column: &DataType) -> bool {
    if value.is_null() {
        return false;
    }
    let same = value.data_type() == *column;
    match value {
        ScalarValue::Float32(Some(number)) => same && number.is_finite(),
        ScalarValue::Float64(Some(number)) => same && number.is_finite(),
        ScalarValue::Boolean(_) | ScalarValue::Date32(_) => same,
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => column.is_string() && !text.contains('\0'),
        other => same && other.data_type().is_integer(),
    }
}

fn weaker(left: Support, right: Support) -> Support {
    match (left, right) {
        (Support::Unsupported, _) | (_, Support::Unsupported) => Support::Unsupported,
        (Support::Inexact, _) | (_, Support::Inexact) => Support::Inexact,
        _ => Support::Exact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{Field, Schema, TimeUnit};
    use datafusion::logical_expr::{col, lit};
    use std::sync::Arc;

    fn columns(dynamic_types: bool) -> FilterColumns {
        let fields = vec![
            Field::new("n", DataType::Int64, true),
            Field::new("x", DataType::Float64, true),
            Field::new("price", DataType::Float64, true),
            Field::new("title", DataType::Utf8, true),
            Field::new("at", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        ];
        FilterColumns {
            schema: Arc::new(Schema::new(fields)),
            converted: HashSet::from(["price".to_string()]),
            dynamic_types,
        }
    }

    #[test]
    fn numbers_are_exact_and_texts_a_superset() {
        let columns = columns(false);
        for filter in [
            col("n").gt(lit(3_i64)),
            lit(3_i64).lt_eq(col("n")),
            col("n").between(lit(1_i64), lit(2_i64)),
            col("n").in_list(vec![lit(1_i64)], false),
            col("x").not_eq(lit(0.5)),
            col("title").is_null().or(col("n").eq(lit(1_i64))),
        ] {
            assert_eq!(columns.support(&filter), Support::Exact, "{filter}");
        }
        for filter in [
            col("title").eq(lit("a")),
            col("title").in_list(vec![lit("a"), lit("b")], false),
            col("title").eq(lit("a")).and(col("n").gt(lit(1_i64))),
        ] {
            assert_eq!(columns.support(&filter), Support::Inexact, "{filter}");
        }
    }

    #[test]
    fn what_depends_on_the_database_stays_here() {
        let columns = columns(false);
        for filter in [
            col("title").lt(lit("m")),
            col("title").not_eq(lit("m")),
            col("title").like(lit("a%")),
            col("title").eq(lit("a\0b")),
            col("price").gt(lit(1.0)),
            col("price").is_null(),
            col("x").gt(lit(f64::NAN)),
            col("n").eq(lit(ScalarValue::Int64(None))),
            col("n").in_list(vec![lit(1_i64)], true),
            col("n").eq(col("x")),
            col("missing").eq(lit(1_i64)),
            col("at").gt(lit(ScalarValue::TimestampMicrosecond(Some(0), None))),
            (col("n") + lit(1_i64)).gt(lit(3_i64)),
            Expr::Not(Box::new(col("title").eq(lit("a")))),
        ] {
            assert_eq!(columns.support(&filter), Support::Unsupported, "{filter}");
        }
    }

    #[test]
    fn values_of_other_types_are_filtered_again() {
        let filter = col("n").gt(lit(3_i64));
        assert_eq!(columns(true).support(&filter), Support::Inexact);
    }
}
