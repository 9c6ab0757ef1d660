//! Types of texts.

use arrow::datatypes::DataType;

/// The string type of texts; dictionary and run-end encodings are decoded.
pub fn text_type(given: &DataType) -> Option<DataType> {
    match given {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(given.clone()),
        DataType::Null => Some(DataType::Utf8),
        DataType::Dictionary(_, values) => text_type(values),
        DataType::RunEndEncoded(_, values) => text_type(values.data_type()),
        _ => None,
    }
}
