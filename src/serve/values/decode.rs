//! Values of clients, in text or binary.

use datafusion::scalar::ScalarValue;
use pgwire::api::Type;
use pgwire::api::results::FieldFormat;

use super::{from_binary, from_text};
use crate::error::{ErrorKind, Result, ShellError};

/// Reads a value that is not NULL.
///
/// # Errors
/// Bytes that are no value of the type.
pub fn decode(wire: &Type, format: FieldFormat, bytes: &[u8]) -> Result<ScalarValue> {
    let value = match format {
        FieldFormat::Binary => from_binary::read(wire, bytes),
        FieldFormat::Text => from_text::read(wire, bytes),
    };
    value.map_err(|why| {
        ShellError::of_kind(
            ErrorKind::InvalidValue,
            format!("not a value of the type {wire}: {why}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_arrays_have_one_scale() {
        let array = decode(
            &Type::NUMERIC_ARRAY,
            FieldFormat::Text,
            b"{0.001,10.25,NULL}",
        )
        .unwrap();
        assert_eq!(array.to_string(), "[0.001, 10.250, ]");
    }
}
