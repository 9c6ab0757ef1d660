//! What the functions share while a query runs: text out of any string column.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::ColumnarValue;

/// One text argument of one batch.
pub struct Texts {
    array: ArrayRef,
    /// A literal: its one value serves every row.
    constant: bool,
}

impl Texts {
    pub fn new(value: &ColumnarValue) -> Result<Self> {
        let (array, constant) = match value {
            ColumnarValue::Array(array) => (array.clone(), false),
            ColumnarValue::Scalar(scalar) => (scalar.to_array()?, true),
        };
        match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Ok(Self { array, constant })
            }
            other => internal_err!("text of type {other} was not coerced"),
        }
    }

    /// The text of a row without the white space around it; `None` for NULL
    /// and for blank text, which no model ever sees.
    pub fn get(&self, row: usize) -> Option<&str> {
        let row = if self.constant { 0 } else { row };
        if self.array.is_null(row) {
            return None;
        }
        let text = match self.array.data_type() {
            DataType::Utf8 => self.array.as_string::<i32>().value(row),
            DataType::LargeUtf8 => self.array.as_string::<i64>().value(row),
            _ => self.array.as_string_view().value(row),
        };
        let text = text.trim();
        (!text.is_empty()).then_some(text)
    }
}

/// Whether every argument is a literal, so that one row answers for all.
pub fn constant(args: &[ColumnarValue]) -> bool {
    args.iter()
        .all(|arg| matches!(arg, ColumnarValue::Scalar(_)))
}

/// An array of one row becomes a scalar where all arguments were.
pub fn answer(array: ArrayRef, constant: bool) -> Result<ColumnarValue> {
    if constant {
        Ok(ColumnarValue::Scalar(
            datafusion::scalar::ScalarValue::try_from_array(&array, 0)?,
        ))
    } else {
        Ok(ColumnarValue::Array(array))
    }
}
