//! Values of clients in text.

use arrow::compute::CastOptions;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::scalar::ScalarValue;
use pgwire::api::Type;

use super::interval_text;
use super::numeric::Digits;
use super::scalars::{decimal, list};
use super::wire_type::{element_type, parameter_type};
use crate::error::ShellError;
use crate::functions::array_text;

/// Reads a value in text.
///
/// # Errors
/// Why the text is no value of the type.
pub fn read(wire: &Type, bytes: &[u8]) -> Result<ScalarValue, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not valid UTF-8")?;
    if let Some(element) = element_type(wire) {
        let array = array_text::parse(text)?;
        if array.dimensions() > 1 {
            return Err("arrays of more than one dimension are not supported".to_string());
        }
        let elements = array.elements().into_iter().map(|text| match text {
            Some(text) => read(&element, text.as_bytes()).map(Some),
            None => Ok(None),
        });
        return list(&element, elements.collect::<Result<_, String>>()?);
    }
    let trimmed = text.trim();
    Ok(match *wire {
        Type::BOOL => ScalarValue::Boolean(Some(boolean(trimmed)?)),
        Type::INT2 => ScalarValue::Int16(Some(number(trimmed)?)),
        Type::INT4 => ScalarValue::Int32(Some(number(trimmed)?)),
        Type::INT8 | Type::OID => ScalarValue::Int64(Some(number(trimmed)?)),
        Type::FLOAT4 => ScalarValue::Float32(Some(number(trimmed)?)),
        Type::FLOAT8 => ScalarValue::Float64(Some(number(trimmed)?)),
        Type::NUMERIC => decimal(&Digits::parse(trimmed).ok_or("it is no decimal number")?)?,
        Type::BYTEA => ScalarValue::Binary(Some(bytea(text)?)),
        Type::INTERVAL => {
            let parts = interval_text::parse(text).ok_or("it is no interval")?;
            ScalarValue::new_interval_mdn(parts.months, parts.days, parts.nanos)
        }
        Type::DATE | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => {
            let data_type =
                parameter_type(wire).unwrap_or(DataType::Timestamp(TimeUnit::Microsecond, None));
            parsed(trimmed, &data_type)?
        }
        // Whatever else has a text form is text.
        _ => ScalarValue::Utf8(Some(text.to_string())),
    })
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn boolean(text: &str) -> Result<bool, String> {
    const TRUE: &[&str] = &["true", "yes", "on", "1"];
    const FALSE: &[&str] = &["false", "no", "off", "0"];
    let text = text.to_lowercase();
    // A prefix is enough, but `o` may be both.
    let is_one_of = |words: &[&str]| {
        !text.is_empty() && text != "o" && words.iter().any(|word| word.starts_with(&text))
    };
    match (is_one_of(TRUE), is_one_of(FALSE)) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err("it is neither true nor false".to_string()),
    }
}

/// Reads `\x00ff`, or text with backslashes before octal numbers.
fn bytea(text: &str) -> Result<Vec<u8>, String> {
    if let Some(digits) = text.strip_prefix("\\x") {
        let digits: Vec<u8> = digits
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let value = |digit: u8| char::from(digit).to_digit(16).map(|digit| digit as u8);
        let pairs = digits.chunks(2).map(|pair| match pair {
            [high, low] => Some(value(*high)? << 4 | value(*low)?),
            _ => None,
        });
        return pairs
            .collect::<Option<_>>()
            .ok_or_else(|| "its hexadecimal digits are damaged".to_string());
    }
    let mut bytes = text.bytes().peekable();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        if bytes.next_if_eq(&b'\\').is_some() {
            out.push(b'\\');
            continue;
        }
        let mut code = 0_u32;
        for _ in 0..3 {
            let digit = bytes.next().filter(|digit| (b'0'..=b'7').contains(digit));
            let digit = digit.ok_or("a backslash must precede three octal digits")?;
            code = code * 8 + u32::from(digit - b'0');
        }
        out.push(u8::try_from(code).map_err(|_| "an octal number is more than 377")?);
    }
    Ok(out)
}

fn parsed(text: &str, data_type: &DataType) -> Result<ScalarValue, String> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let text = ScalarValue::Utf8(Some(text.to_string()));
    text.cast_to_with_options(data_type, &options)
        .map_err(|error| ShellError::from(error).message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_values() {
        for (wire, text, expected) in [
            (Type::BOOL, " T ", ScalarValue::Boolean(Some(true))),
            (Type::BOOL, "off", ScalarValue::Boolean(Some(false))),
            (Type::INT2, "-7", ScalarValue::Int16(Some(-7))),
            (
                Type::NUMERIC,
                "0.00001234",
                ScalarValue::Decimal128(Some(1234), 8, 8),
            ),
            (
                Type::BYTEA,
                "\\x00fF",
                ScalarValue::Binary(Some(vec![0, 255])),
            ),
            (
                Type::BYTEA,
                "a\\\\\\000",
                ScalarValue::Binary(Some(vec![b'a', b'\\', 0])),
            ),
            (Type::DATE, "1970-01-02", ScalarValue::Date32(Some(1))),
            (
                Type::INTERVAL,
                "1 day",
                ScalarValue::new_interval_mdn(0, 1, 0),
            ),
            (Type::JSON, "{}", ScalarValue::Utf8(Some("{}".to_string()))),
        ] {
            assert_eq!(read(&wire, text.as_bytes()), Ok(expected), "{text}");
        }
        let array = read(&Type::INT4_ARRAY, b"{1, NULL}").unwrap();
        assert_eq!(array.to_string(), "[1, ]");
    }

    #[test]
    fn texts_of_other_types_are_refused() {
        for (wire, text) in [
            (Type::BOOL, "o"),
            (Type::BOOL, ""),
            (Type::INT2, "32768"),
            (Type::INT4, "1.5"),
            (Type::NUMERIC, "NaN"),
            (Type::BYTEA, "\\x0"),
            (Type::BYTEA, "\\777"),
            (Type::DATE, "yesterday"),
            (Type::TIMESTAMP, "2026-13-01 00:00:00"),
            (Type::INT4_ARRAY, "{1,x}"),
        ] {
            assert!(read(&wire, text.as_bytes()).is_err(), "{wire} {text}");
        }
        assert!(read(&Type::TEXT, b"\xff").is_err());
    }
}
