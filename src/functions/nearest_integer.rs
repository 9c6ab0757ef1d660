//! `nearest_integer(value)`: the rounding of casts to integers.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::sql_function::{ArrayCall, FunctionSpec, Replacement, as_given};

pub static NEAREST_INTEGER: FunctionSpec = FunctionSpec {
    name: "nearest_integer",
    syntax: "nearest_integer(value)",
    description: "The nearest integer, as a value of the same type. Halves of decimals round away from zero, \
                  halves of floats to the even integer. Casts to integers round so.",
    arity: (1, 1),
    coerce: as_given,
    result: |types, _| Ok(types[0].clone()),
    evaluate: nearest,
    replace: Some(|types| match types[0] {
        DataType::Float32 | DataType::Float64 | DataType::Decimal128(_, 1..) => Replacement::None,
        _ => Replacement::Argument,
    }),
    keeps_nulls: true,
    volatility: Volatility::Immutable,
};

fn nearest(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let values = &call.arguments[0];
    Ok(match values.data_type() {
        DataType::Float64 => {
            let rounded = values.as_primitive::<Float64Type>();
            let rounded = rounded.unary::<_, Float64Type>(f64::round_ties_even);
            Arc::new(rounded)
        }
        DataType::Float32 => {
            let rounded = values.as_primitive::<Float32Type>();
            let rounded = rounded.unary::<_, Float32Type>(f32::round_ties_even);
            Arc::new(rounded)
        }
        DataType::Decimal128(precision, scale @ 1..) => {
            let unit = 10_i128.pow(u32::from(scale.unsigned_abs()));
            let rounded = values.as_primitive::<Decimal128Type>();
            let rounded = rounded.unary::<_, Decimal128Type>(|value| {
                let rest = value % unit;
                let away = match rest.abs() * 2 >= unit {
                    true => unit * value.signum(),
                    false => 0,
                };
                value - rest + away
            });
            Arc::new(rounded.with_precision_and_scale(*precision, *scale)?)
        }
        _ => Arc::clone(values),
    })
}
