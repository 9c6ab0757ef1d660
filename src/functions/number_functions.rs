//! Numbers in formats: `to_char(number, format)` and `to_number(text, format)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{exec_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::formats::number_template::{NumberTemplate, parse};
use super::formats::read_number::read;
use super::formats::write_number::{NumberDigits, write};
use super::sql_function::{ArrayCall, FunctionSpec, as_text};

pub static TO_NUMBER: FunctionSpec = FunctionSpec {
    name: "to_number",
    syntax: "to_number(text, format)",
    description: "Number of a text in a format of Postgres, such as `999,990.00`.",
    arity: (2, 2),
    coerce: as_text,
    result: |_, values| match values.get(1) {
        Some(Some(format)) => {
            let Some(Some(format)) = format.try_as_str() else {
                return Ok(decimal(0));
            };
            Ok(decimal(template(format)?.fraction))
        }
        _ => plan_err!("the format of to_number is a literal"),
    },
    evaluate: to_number,
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Immutable,
};

fn decimal(scale: usize) -> DataType {
    DataType::Decimal128(38, scale.min(38) as i8)
}

fn template(format: &str) -> Result<NumberTemplate> {
    parse(format).map_err(|error| exec_datafusion_err!("{error}"))
}

fn to_number(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let texts = call.arguments[0].as_string::<i32>();
    let formats = call.arguments[1].as_string::<i32>();
    let mut numbers = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if texts.is_null(row) || formats.is_null(row) {
            numbers.push(None);
            continue;
        }
        let (text, format) = (texts.value(row), formats.value(row));
        let number = read(text, &template(format)?).map_err(|error| {
            exec_datafusion_err!(
                "to_number: '{text}' does not match the format '{format}': {error}"
            )
        })?;
        numbers.push(Some(number));
    }
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    Ok(cast_with_options(
        &StringArray::from(numbers),
        call.result,
        &options,
    )?)
}

/// Texts of numbers in the formats of each row.
///
/// # Errors
/// An invalid format; a number that is not finite.
pub fn write_numbers(values: &ArrayRef, formats: &ArrayRef) -> Result<ArrayRef> {
    let formats = formats.as_string::<i32>();
    let is_float = values.data_type().is_floating();
    let floats = match is_float {
        true => Some(cast(values, &DataType::Float64)?),
        false => None,
    };
    let texts = cast(values, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let mut out = Vec::with_capacity(values.len());
    for row in 0..values.len() {
        if values.is_null(row) || formats.is_null(row) {
            out.push(None);
            continue;
        }
        let template = template(formats.value(row))?;
        let text = match &floats {
            // Without an exponent, rounded as the float is.
            Some(floats) => format!(
                "{:.*}",
                template.fraction,
                floats.as_primitive::<Float64Type>().value(row)
            ),
            None => texts.value(row).to_string(),
        };
        let digits = NumberDigits::of_text(&text)
            .ok_or_else(|| exec_datafusion_err!("to_char has no format for the number {text}"))?;
        out.push(Some(write(digits, &template)));
    }
    Ok(Arc::new(StringArray::from(out)))
}
