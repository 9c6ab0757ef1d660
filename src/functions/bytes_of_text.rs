//! `bytes_of_text(text)`: the cast to `bytea`.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::sql_function::{ArrayCall, FunctionSpec, Replacement, as_given, is_text};

pub static BYTES_OF_TEXT: FunctionSpec = FunctionSpec {
    name: "bytes_of_text",
    syntax: "bytes_of_text(text)",
    description: "The bytes that a text states: hexadecimal digits after `\\x`, or characters with octal \
                  escapes. `text::bytea` is this call.",
    arity: (1, 1),
    coerce: as_given,
    result: |types, _| {
        Ok(match is_text(&types[0]) {
            true => DataType::Binary,
            false => types[0].clone(),
        })
    },
    evaluate: bytes_of_texts,
    replace: Some(|types| match is_text(&types[0]) {
        true => Replacement::None,
        false => Replacement::Argument,
    }),
    keeps_nulls: true,
    volatility: Volatility::Immutable,
};

fn bytes_of_texts(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let texts = cast(&call.arguments[0], &DataType::Utf8)?;
    let mut out = Vec::with_capacity(call.rows);
    for text in texts.as_string::<i32>() {
        out.push(match text.map(bytes_of) {
            None => None,
            Some(Some(bytes)) => Some(bytes),
            Some(None) => {
                return exec_err!(
                    "invalid bytes '{}'; write hexadecimal digits after \\x",
                    text.unwrap_or_default()
                );
            }
        });
    }
    Ok(Arc::new(BinaryArray::from_iter(out)))
}

fn bytes_of(text: &str) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        let digits: Vec<u32> = digits
            .chars()
            .filter(|ch| !ch.is_ascii_whitespace())
            .map(|ch| ch.to_digit(16))
            .collect::<Option<_>>()?;
        let pairs = digits.chunks_exact(2);
        return match pairs.remainder() {
            [] => Some(pairs.map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()),
            _ => None,
        };
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            out.push(*first);
            continue;
        }
        match rest {
            [b'\\', after @ ..] => {
                out.push(b'\\');
                rest = after;
            }
            [
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                after @ ..,
            ] => {
                out.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after;
            }
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_state_bytes_as_in_postgres() {
        for (text, expected) in [
            ("\\x6162", Some("ab".as_bytes())),
            ("\\x", Some(&[])),
            ("abc", Some(b"abc")),
            ("a\\000b\\\\", Some(b"a\0b\\")),
            ("\\x616", None),
            ("\\xzz", None),
            ("\\x\u{e9}\u{e9}", None),
            ("a\\9", None),
        ] {
            assert_eq!(bytes_of(text).as_deref(), expected, "{text}");
        }
    }
}
