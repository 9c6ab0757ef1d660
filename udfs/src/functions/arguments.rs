//! Evaluated arguments and results of scalar functions.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::scalar::ScalarValue;

/// One text argument of one batch, of any string type.
pub struct TextArgument {
    array: ArrayRef,
    /// Whether the array holds one literal for all rows.
    literal: bool,
}

impl TextArgument {
    /// # Errors
    /// A value of another type than text.
    pub fn new(value: &ColumnarValue) -> Result<Self> {
        let (array, literal) = match value {
            ColumnarValue::Array(array) => (array.clone(), false),
            ColumnarValue::Scalar(scalar) => (scalar.to_array()?, true),
        };
        match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Ok(Self { array, literal })
            }
            other => internal_err!("text of type {other} was not coerced"),
        }
    }

    /// The trimmed text of a row; `None` for NULL and for blank text, which never
    /// reach a model.
    pub fn get(&self, row: usize) -> Option<&str> {
        let text = self.untrimmed(row)?.trim();
        (!text.is_empty()).then_some(text)
    }

    /// The text of a row as it is; `None` for NULL.
    pub fn untrimmed(&self, row: usize) -> Option<&str> {
        let row = if self.literal { 0 } else { row };
        if self.array.is_null(row) {
            return None;
        }
        Some(match self.array.data_type() {
            DataType::Utf8 => self.array.as_string::<i32>().value(row),
            DataType::LargeUtf8 => self.array.as_string::<i64>().value(row),
            _ => self.array.as_string_view().value(row),
        })
    }
}

/// Whether every argument is a literal, so that one result serves all rows.
pub fn all_literal(args: &[ColumnarValue]) -> bool {
    args.iter()
        .all(|arg| matches!(arg, ColumnarValue::Scalar(_)))
}

/// Result of a function: a scalar if all arguments are literals, else the array.
pub fn columnar_result(array: ArrayRef, literal: bool) -> Result<ColumnarValue> {
    Ok(match literal {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?),
        false => ColumnarValue::Array(array),
    })
}
