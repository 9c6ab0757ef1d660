//! Values as literals of a syntax tree.

use arrow::array::Array as _;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{Array, Expr, UnaryOperator, Value};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::error::{ErrorKind, Result, ShellError};

/// The literal of a value.
///
/// # Errors
/// A value that no literal can express.
pub fn of(value: &ScalarValue) -> Result<Expr> {
    if value.is_null() {
        return null_of(value);
    }
    Ok(match value {
        ScalarValue::Utf8(Some(text))
        | ScalarValue::LargeUtf8(Some(text))
        | ScalarValue::Utf8View(Some(text)) => text_of(text.clone()),
        ScalarValue::Boolean(Some(value)) => Expr::Value(Value::Boolean(*value).into()),
        ScalarValue::Float32(Some(number)) if number.is_finite() => number_of(&number.to_string()),
        ScalarValue::Float64(Some(number)) if number.is_finite() => number_of(&number.to_string()),
        ScalarValue::Int8(_)
        | ScalarValue::Int16(_)
        | ScalarValue::Int32(_)
        | ScalarValue::Int64(_)
        | ScalarValue::UInt8(_)
        | ScalarValue::UInt16(_)
        | ScalarValue::UInt32(_)
        | ScalarValue::UInt64(_) => number_of(&value.to_string()),
        ScalarValue::List(list) => {
            let elements = list.value(0);
            let elements = (0..elements.len())
                .map(|at| of(&ScalarValue::try_from_array(&elements, at)?))
                .collect::<Result<Vec<_>>>()?;
            Expr::Array(Array {
                elem: elements,
                named: false,
            })
        }
        other => typed(&other.to_string(), other)?,
    })
}

fn text_of(text: String) -> Expr {
    Expr::Value(Value::SingleQuotedString(text).into())
}

fn number_of(text: &str) -> Expr {
    let number = |digits: &str| Expr::Value(Value::Number(digits.to_string(), false).into());
    match text.strip_prefix('-') {
        None => number(text),
        Some(digits) => Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr: Box::new(number(digits)),
        },
    }
}

/// NULL of the type of a value.
fn null_of(value: &ScalarValue) -> Result<Expr> {
    match value {
        ScalarValue::Null => Ok(Expr::Value(Value::Null.into())),
        typed => expression(&format!(
            "arrow_cast(NULL, '{}')",
            escaped(&typed.data_type().to_string())
        )),
    }
}

/// A text that is cast to the type of a value.
fn typed(text: &str, value: &ScalarValue) -> Result<Expr> {
    expression(&format!(
        "arrow_cast('{}', '{}')",
        escaped(text),
        escaped(&value.data_type().to_string())
    ))
}

fn escaped(text: &str) -> String {
    text.replace('\'', "''")
}

fn expression(sql: &str) -> Result<Expr> {
    let parsed = Parser::new(&GenericDialect {})
        .try_with_sql(sql)
        .and_then(|mut parser| parser.parse_expr());
    parsed.map_err(|_| {
        ShellError::of_kind(
            ErrorKind::NotSupported,
            format!("the value {sql} cannot be the argument of a table function"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::DataType;

    #[test]
    fn values_become_literals() {
        let list = [0.5, -1.0].map(|n| ScalarValue::Float32(Some(n)));
        let list = ScalarValue::List(ScalarValue::new_list_nullable(&list, &DataType::Float32));
        for (value, expected) in [
            (ScalarValue::Utf8(Some("it's".to_string())), "'it''s'"),
            (ScalarValue::Int16(Some(-3)), "-3"),
            (ScalarValue::Boolean(Some(true)), "true"),
            (list, "[0.5, -1]"),
            (ScalarValue::Null, "NULL"),
            (ScalarValue::Utf8(None), "arrow_cast(NULL, 'Utf8')"),
            (
                ScalarValue::Date32(Some(1)),
                "arrow_cast('1970-01-02', 'Date32')",
            ),
        ] {
            assert_eq!(of(&value).unwrap().to_string(), expected);
        }
    }
}
