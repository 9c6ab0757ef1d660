//! Arguments of functions as texts and integers.

use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::scalar::ScalarValue;

/// Argument as text.
///
/// # Errors
/// NULL; a value without a text.
pub fn text(value: &ScalarValue) -> Result<String> {
    match value.cast_to(&DataType::Utf8)? {
        ScalarValue::Utf8(Some(text)) => Ok(text),
        _ => exec_err!("an argument is NULL, a text is required"),
    }
}

/// Argument as an integer.
///
/// # Errors
/// NULL; a value that is not a whole number.
pub fn integer(value: &ScalarValue) -> Result<i64> {
    match value.cast_to(&DataType::Int64)? {
        ScalarValue::Int64(Some(number)) => Ok(number),
        _ => exec_err!("an argument is NULL, an integer is required"),
    }
}

/// Argument as an identifier of an object; 0 if it is outside of the range.
///
/// # Errors
/// As [`integer`].
pub fn oid(value: &ScalarValue) -> Result<i32> {
    Ok(i32::try_from(integer(value)?).unwrap_or(0))
}

pub fn of_text(text: impl Into<String>) -> ScalarValue {
    ScalarValue::Utf8(Some(text.into()))
}

pub fn of_optional_text(text: Option<String>) -> ScalarValue {
    ScalarValue::Utf8(text)
}

pub fn of_boolean(value: bool) -> ScalarValue {
    ScalarValue::Boolean(Some(value))
}

pub fn of_int4(value: Option<i32>) -> ScalarValue {
    ScalarValue::Int32(value)
}

pub fn of_int8(value: Option<i64>) -> ScalarValue {
    ScalarValue::Int64(value)
}

/// List of texts.
pub fn of_texts(texts: &[&str]) -> ScalarValue {
    let values: Vec<ScalarValue> = texts.iter().map(|text| of_text(*text)).collect();
    ScalarValue::List(ScalarValue::new_list(&values, &DataType::Utf8, true))
}
