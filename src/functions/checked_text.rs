//! Casts to types that are text here: `json`, `jsonb` and `uuid`. The text is checked,
//! and has the form that Postgres gives it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringBuilder};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{exec_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::json_document;
use super::sql_function::{ArrayCall, FunctionSpec, is_text, returns_text};

const fn checked_text(
    name: &'static str,
    syntax: &'static str,
    description: &'static str,
    evaluate: fn(&ArrayCall<'_>) -> Result<ArrayRef>,
) -> FunctionSpec {
    FunctionSpec {
        name,
        syntax,
        description,
        arity: (1, 1),
        coerce: |types| match &types[0] {
            text if is_text(text) || text.is_null() => Ok(vec![DataType::Utf8]),
            other => plan_err!(
                "a value of the type {other} has no cast to json, jsonb or uuid; make JSON of it with to_json"
            ),
        },
        result: returns_text,
        evaluate,
        replace: None,
        keeps_nulls: true,
        volatility: Volatility::Immutable,
    }
}

pub static JSON_OF_TEXT: FunctionSpec = checked_text(
    "json_of_text",
    "json_of_text(text)",
    "The text, if it is a JSON document. `text::json` is this call.",
    |call| {
        each(call, |text| {
            json_document::check(text).map(|()| text.to_string())
        })
    },
);

pub static JSONB_OF_TEXT: FunctionSpec = checked_text(
    "jsonb_of_text",
    "jsonb_of_text(text)",
    "The JSON document in normal form: sorted keys, one blank after colons and commas. `text::jsonb` is \
     this call.",
    |call| each(call, json_document::normal_form),
);

pub static UUID_OF_TEXT: FunctionSpec = checked_text(
    "uuid_of_text",
    "uuid_of_text(text)",
    "The UUID in lower case with hyphens. `text::uuid` is this call.",
    |call| each(call, uuid),
);

fn each(
    call: &ArrayCall<'_>,
    form: impl Fn(&str) -> std::result::Result<String, String>,
) -> Result<ArrayRef> {
    let texts = cast(&call.arguments[0], &DataType::Utf8)?;
    let mut out = StringBuilder::new();
    for text in texts.as_string::<i32>() {
        let formed = text.map(&form).transpose();
        out.append_option(formed.map_err(|error| exec_datafusion_err!("{error}"))?);
    }
    Ok(Arc::new(out.finish()))
}

/// A UUID as Postgres reads it: 32 hexadecimal digits in braces or not, with hyphens after
/// any group of four.
fn uuid(text: &str) -> std::result::Result<String, String> {
    let wrong = || format!("invalid input for type uuid: '{text}'");
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}').ok_or_else(wrong)?,
        None => text,
    };
    let mut digits = String::with_capacity(32);
    let mut may_have_hyphen = false;
    for ch in inner.chars() {
        match ch {
            '-' if may_have_hyphen => may_have_hyphen = false,
            digit if digit.is_ascii_hexdigit() => {
                digits.push(digit.to_ascii_lowercase());
                may_have_hyphen = digits.len().is_multiple_of(4) && digits.len() < 32;
            }
            _ => return Err(wrong()),
        }
    }
    match digits.len() {
        32 => Ok([
            &digits[..8],
            &digits[8..12],
            &digits[12..16],
            &digits[16..20],
            &digits[20..],
        ]
        .join("-")),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_one_form() {
        const UUID: &str = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";
        for text in [
            UUID,
            "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
            "{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11",
        ] {
            assert_eq!(uuid(text).as_deref(), Ok(UUID), "{text}");
        }
        for text in [
            "",
            "a0eebc99",
            "{a0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0eebc999c0b4ef8bb6d6bb9bd380a11-",
            "a0-eebc999c0b4ef8bb6d6bb9bd380a11",
            "g0eebc999c0b4ef8bb6d6bb9bd380a11",
            "a0eebc99--9c0b-4ef8-bb6d-6bb9bd380a11",
            "é0eebc999c0b4ef8bb6d6bb9bd380a1",
        ] {
            assert!(uuid(text).is_err(), "{text}");
        }
    }
}
