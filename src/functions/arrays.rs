//! Arrays from their literals, and functions over sorted arrays.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, GenericListArray, Int32Array, ListArray,
    OffsetSizeTrait, StringArray, UInt32Array, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast_with_options, take};
use arrow::datatypes::{DataType, Field, Float64Type};
use datafusion::common::{ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::array_text::{self, ArrayText};
use super::sql_function::{ArrayCall, FunctionSpec, Replacement, as_given, is_text};

pub static ARRAY_OF_TEXT: FunctionSpec = FunctionSpec {
    name: "array_of_text",
    syntax: "array_of_text(text, dimensions)",
    description: "The array of texts that an array literal such as `{a,\"b c\",NULL}` states. Casts of texts \
                  to arrays read it so.",
    arity: (2, 2),
    coerce: as_given,
    result: |types, values| match &types[0] {
        text if is_text(text) => Ok(list_of(DataType::Utf8, dimensions(values.get(1))?)),
        other => Ok(other.clone()),
    },
    evaluate: array_of_text,
    replace: Some(|types| match is_text(&types[0]) {
        true => Replacement::None,
        false => Replacement::Argument,
    }),
    keeps_nulls: true,
    volatility: Volatility::Immutable,
};

fn dimensions(value: Option<&Option<&ScalarValue>>) -> Result<usize> {
    match value {
        Some(Some(ScalarValue::Int64(Some(count)))) if *count > 0 => Ok(*count as usize),
        _ => plan_err!("the dimensions of array_of_text are a literal from 1"),
    }
}

fn list_of(element: DataType, dimensions: usize) -> DataType {
    (0..dimensions).fold(element, |element, _| {
        DataType::List(Arc::new(Field::new_list_field(element, true)))
    })
}

fn array_of_text(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let texts = arrow::compute::cast(&call.arguments[0], &DataType::Utf8)?;
    let arrays: Vec<Option<ArrayText>> = texts
        .as_string::<i32>()
        .iter()
        .map(|text| text.map(array_text::parse).transpose())
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| exec_datafusion_err!("{error}"))?;
    build(arrays, call.result)
}

/// Array of a list type, of one item for each row.
fn build(items: Vec<Option<ArrayText>>, data_type: &DataType) -> Result<ArrayRef> {
    let DataType::List(field) = data_type else {
        let texts: StringArray = items
            .into_iter()
            .map(|item| match item {
                Some(ArrayText::Element(text)) => Ok(Some(text)),
                Some(ArrayText::List(_)) => {
                    exec_err!("an array literal has more dimensions than its type")
                }
                Some(ArrayText::Null) | None => Ok(None),
            })
            .collect::<Result<_>>()?;
        return Ok(Arc::new(texts));
    };
    let mut lengths = Vec::with_capacity(items.len());
    let mut validity = Vec::with_capacity(items.len());
    let mut inner = Vec::new();
    for item in items {
        validity.push(matches!(item, Some(ArrayText::List(_))));
        match item {
            Some(ArrayText::List(elements)) => {
                lengths.push(elements.len());
                inner.extend(elements.into_iter().map(Some));
            }
            Some(ArrayText::Element(text)) => {
                return exec_err!(
                    "the array literal has fewer dimensions than its type, at '{text}'"
                );
            }
            Some(ArrayText::Null) | None => lengths.push(0),
        }
    }
    let values = build(inner, field.data_type())?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(field),
        OffsetBuffer::from_lengths(lengths),
        values,
        Some(NullBuffer::from(validity)),
    )?))
}

pub static ARRAY_LIKE: FunctionSpec = FunctionSpec {
    name: "array_like",
    syntax: "array_like(array, value)",
    description: "The array with its elements cast to the type of a value.",
    arity: (2, 2),
    coerce: as_given,
    result: |types, _| {
        Ok(match &types[1] {
            DataType::Null => types[0].clone(),
            element => list_of(element.clone(), 1),
        })
    },
    evaluate: |call| {
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        Ok(cast_with_options(
            &call.arguments[0],
            call.result,
            &options,
        )?)
    },
    replace: None,
    keeps_nulls: true,
    volatility: Volatility::Immutable,
};

pub static ARRAY_PERCENTILE: FunctionSpec = FunctionSpec {
    name: "array_percentile",
    syntax: "array_percentile(sorted_array, fraction)",
    description: "The first element of a sorted array whose position is at least the fraction of its length. \
                  `percentile_disc` is this function of its sorted values.",
    arity: (2, 2),
    coerce: |types| Ok(vec![types[0].clone(), DataType::Float64]),
    result: |types, _| element_type(&types[0]),
    evaluate: array_percentile,
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Immutable,
};

pub static ARRAY_MODE: FunctionSpec = FunctionSpec {
    name: "array_mode",
    syntax: "array_mode(sorted_array)",
    description: "The most frequent element of a sorted array, and the first of several. `mode` is this \
                  function of its sorted values.",
    arity: (1, 1),
    coerce: as_given,
    result: |types, _| element_type(&types[0]),
    evaluate: array_mode,
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Immutable,
};

fn element_type(list: &DataType) -> Result<DataType> {
    match list {
        DataType::List(field) | DataType::LargeList(field) | DataType::FixedSizeList(field, _) => {
            Ok(field.data_type().clone())
        }
        DataType::Null => Ok(DataType::Null),
        other => plan_err!("the argument is an array, and has the type {other}"),
    }
}

fn array_percentile(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let fractions: &Float64Array = call.arguments[1].as_primitive::<Float64Type>();
    let position = |row: usize, valid: usize| {
        if fractions.is_null(row) {
            return Ok(None);
        }
        let fraction = fractions.value(row);
        if !(0.0..=1.0).contains(&fraction) {
            return exec_err!("the percentile {fraction} is not between 0 and 1");
        }
        Ok(Some(((fraction * valid as f64).ceil() as usize).max(1) - 1))
    };
    pick(call, |row, _, valid| position(row, valid))
}

fn array_mode(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    pick(call, |_, values, valid| {
        let compare =
            arrow::array::make_comparator(values, values, arrow::compute::SortOptions::default())?;
        let (mut best, mut best_count, mut start) = (0, 0, 0);
        for at in 1..=valid {
            if at == valid || compare(start, at).is_ne() {
                if at - start > best_count {
                    (best, best_count) = (start, at - start);
                }
                start = at;
            }
        }
        Ok(Some(best))
    })
}

/// Picks an element of the values without NULLs of each row.
fn pick(
    call: &ArrayCall<'_>,
    position: impl Fn(usize, &dyn Array, usize) -> Result<Option<usize>>,
) -> Result<ArrayRef> {
    match call.arguments[0].data_type() {
        DataType::List(_) => pick_of(call, call.arguments[0].as_list::<i32>(), position),
        DataType::LargeList(_) => pick_of(call, call.arguments[0].as_list::<i64>(), position),
        _ => Ok(new_null_array(call.result, call.rows)),
    }
}

fn pick_of<O: OffsetSizeTrait>(
    call: &ArrayCall<'_>,
    lists: &GenericListArray<O>,
    position: impl Fn(usize, &dyn Array, usize) -> Result<Option<usize>>,
) -> Result<ArrayRef> {
    let mut indices: Vec<Option<u32>> = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if lists.is_null(row) {
            indices.push(None);
            continue;
        }
        let start = lists.value_offsets()[row].as_usize();
        let values = lists.value(row);
        let present: UInt32Array = (0..values.len() as u32)
            .filter(|at| values.is_valid(*at as usize))
            .collect::<Vec<_>>()
            .into();
        let sorted = take(&values, &present, None)?;
        let picked = match sorted.is_empty() {
            true => None,
            false => position(row, sorted.as_ref(), sorted.len())?,
        };
        indices.push(picked.map(|at| start as u32 + present.value(at)));
    }
    let indices = UInt32Array::from(indices);
    Ok(take(lists.values(), &indices, None)?)
}

pub static DATE_PLUS_DAYS: FunctionSpec = FunctionSpec {
    name: "date_plus_days",
    syntax: "date_plus_days(date, days)",
    description: "The date a number of days later.",
    arity: (2, 2),
    coerce: |_| Ok(vec![DataType::Date32, DataType::Int32]),
    result: |_, _| Ok(DataType::Date32),
    evaluate: |call| {
        let days = arrow::compute::cast(&call.arguments[0], &DataType::Int32)?;
        let more: &Int32Array = call.arguments[1].as_primitive();
        let sum = arrow::compute::kernels::numeric::add(&days, more)?;
        Ok(arrow::compute::cast(&sum, &DataType::Date32)?)
    },
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Immutable,
};
