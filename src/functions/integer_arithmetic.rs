//! Sums, differences and products of integers, which fail where they overflow.

use arrow::array::ArrayRef;
use arrow::compute::kernels::numeric::{add, mul, sub};
use arrow::datatypes::DataType;
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{Operator, Volatility};

use super::sql_function::{ArrayCall, FunctionSpec};

pub static INTEGER_SUM: FunctionSpec = arithmetic(
    "integer_sum",
    "integer_sum(a, b)",
    "`a + b` of integers; an error where the type has no such number.",
    |types| input_types(types, Operator::Plus),
    |call| computed(call, add(&call.arguments[0], &call.arguments[1])),
);

pub static INTEGER_DIFFERENCE: FunctionSpec = arithmetic(
    "integer_difference",
    "integer_difference(a, b)",
    "`a - b` of integers; an error where the type has no such number.",
    |types| input_types(types, Operator::Minus),
    |call| computed(call, sub(&call.arguments[0], &call.arguments[1])),
);

pub static INTEGER_PRODUCT: FunctionSpec = arithmetic(
    "integer_product",
    "integer_product(a, b)",
    "`a * b` of integers; an error where the type has no such number.",
    |types| input_types(types, Operator::Multiply),
    |call| computed(call, mul(&call.arguments[0], &call.arguments[1])),
);

const fn arithmetic(
    name: &'static str,
    syntax: &'static str,
    description: &'static str,
    coerce: fn(&[DataType]) -> Result<Vec<DataType>>,
    evaluate: fn(&ArrayCall<'_>) -> Result<ArrayRef>,
) -> FunctionSpec {
    FunctionSpec {
        name,
        syntax,
        description,
        arity: (2, 2),
        coerce,
        result: |types, _| Ok(types[0].clone()),
        evaluate,
        replace: None,
        keeps_nulls: false,
        volatility: Volatility::Immutable,
    }
}

fn input_types(types: &[DataType], operator: Operator) -> Result<Vec<DataType>> {
    let (left, right) =
        BinaryTypeCoercer::new(&types[0], &operator, &types[1]).get_input_types()?;
    Ok(vec![left, right])
}

fn computed(
    call: &ArrayCall<'_>,
    values: std::result::Result<ArrayRef, arrow::error::ArrowError>,
) -> Result<ArrayRef> {
    values.map_err(|error| {
        exec_datafusion_err!(
            "integer out of range for {}: {error}; cast to a decimal",
            call.result
        )
    })
}
