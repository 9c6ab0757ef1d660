//! `text(value)`: the cast to text.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringViewBuilder};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::sql_function::{ArrayCall, FunctionSpec, Replacement, as_given, is_text};
use super::value_text::row_texts;

pub static TEXT: FunctionSpec = FunctionSpec {
    name: "text",
    syntax: "text(value)",
    description: "Text of a value, as `value::text` writes it: arrays as `{1,2}`, timestamps as \
                  `2024-01-01 10:00:00`, binary data as `\\x6162`.",
    arity: (1, 1),
    coerce: as_given,
    result: |_, _| Ok(DataType::Utf8View),
    evaluate: texts,
    replace: Some(replacement),
    keeps_nulls: true,
    volatility: Volatility::Stable,
};

fn texts(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let zone = call.session_zone();
    let texts = row_texts(&call.arguments[0], &zone)?;
    let mut out = StringViewBuilder::with_capacity(call.rows);
    for row in 0..call.rows {
        out.append_option(texts(row)?);
    }
    Ok(Arc::new(out.finish()))
}

/// The engine writes these types as Postgres does.
fn replacement(types: &[DataType]) -> Replacement {
    match &types[0] {
        text if is_text(text) => Replacement::Cast(DataType::Utf8View),
        DataType::Null
        | DataType::Boolean
        | DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Replacement::Cast(DataType::Utf8View),
        integer if integer.is_integer() => Replacement::Cast(DataType::Utf8View),
        _ => Replacement::None,
    }
}
