//! JSON: `to_json`, `json_build_object`, `json_build_array`, and the JSON of aggregates.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{exec_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::json_document::quoted;
use super::sql_function::{ArrayCall, FunctionSpec, as_given, returns_text};
use super::value_text::{elements, row_texts};

const fn json_function(
    name: &'static str,
    syntax: &'static str,
    description: &'static str,
    arity: (usize, usize),
    evaluate: fn(&ArrayCall<'_>) -> Result<ArrayRef>,
) -> FunctionSpec {
    FunctionSpec {
        name,
        syntax,
        description,
        arity,
        coerce: as_given,
        result: returns_text,
        evaluate,
        replace: None,
        keeps_nulls: false,
        volatility: Volatility::Stable,
    }
}

pub static TO_JSON: FunctionSpec = json_function(
    "to_json",
    "to_json(value)",
    "The value as JSON text: arrays as arrays, rows as objects.",
    (1, 1),
    |call| of_rows(call, |call, row| json_of(&call.arguments[0], row, call)),
);

pub static ROW_TO_JSON: FunctionSpec = json_function(
    "row_to_json",
    "row_to_json(row)",
    "The row as a JSON object.",
    (1, 1),
    |call| of_rows(call, |call, row| json_of(&call.arguments[0], row, call)),
);

pub static JSON_BUILD_OBJECT: FunctionSpec = json_function(
    "json_build_object",
    "json_build_object([key, value, ...])",
    "A JSON object of keys and values in turn.",
    (0, 200),
    |call| {
        if call.arguments.len() % 2 == 1 {
            return exec_err!("json_build_object needs a value for each key");
        }
        of_rows(call, build_object)
    },
);

pub static JSON_BUILD_ARRAY: FunctionSpec = json_function(
    "json_build_array",
    "json_build_array([value, ...])",
    "A JSON array of the values.",
    (0, 200),
    |call| {
        of_rows(call, |call, row| {
            let items = call.arguments.iter();
            let items = items.map(|item| Ok(json_of(item, row, call)?.unwrap_or_else(null)));
            let items = items.collect::<Result<Vec<String>>>()?;
            Ok(Some(format!("[{}]", items.join(", "))))
        })
    },
);

pub static JSON_OF_ROWS: FunctionSpec = json_function(
    "json_of_rows",
    "json_of_rows(array)",
    "The JSON array that `json_agg` returns for the values of an array.",
    (1, 1),
    |call| {
        of_rows(call, |call, row| {
            let Some(items) = list(call, row) else {
                return Ok(None);
            };
            let items = (0..items.len())
                .map(|at| Ok(json_of(&items, at, call)?.unwrap_or_else(null)))
                .collect::<Result<Vec<String>>>()?;
            Ok(Some(format!("[{}]", items.join(", "))))
        })
    },
);

pub static JSON_OF_PAIRS: FunctionSpec = json_function(
    "json_of_pairs",
    "json_of_pairs(array)",
    "The JSON object that `json_object_agg` returns for an array of pairs.",
    (1, 1),
    |call| {
        of_rows(call, |call, row| {
            let Some(pairs) = list(call, row) else {
                return Ok(None);
            };
            let Some(columns) = pairs.as_struct_opt() else {
                return plan_err!("json_of_pairs needs an array of pairs");
            };
            let (keys, values) = (columns.column(0), columns.column(1));
            let zone = call.session_zone();
            let keys = row_texts(keys, &zone)?;
            let mut out = "{ ".to_string();
            for at in 0..pairs.len() {
                let Some(key) = keys(at)? else {
                    return exec_err!("a key of json_object_agg is NULL");
                };
                let comma = if at > 0 { ", " } else { "" };
                let value = json_of(values, at, call)?.unwrap_or_else(null);
                push(&mut out, format_args!("{comma}{} : {value}", quoted(&key)));
            }
            out.push_str(" }");
            Ok(Some(out))
        })
    },
);

fn null() -> String {
    "null".to_string()
}

fn of_rows(
    call: &ArrayCall<'_>,
    json: fn(&ArrayCall<'_>, usize) -> Result<Option<String>>,
) -> Result<ArrayRef> {
    let mut out = StringBuilder::new();
    for row in 0..call.rows {
        out.append_option(json(call, row)?);
    }
    Ok(Arc::new(out.finish()))
}

/// The elements of the first argument in a row.
fn list(call: &ArrayCall<'_>, row: usize) -> Option<ArrayRef> {
    let lists = &call.arguments[0];
    match lists.is_null(row) {
        true => None,
        false => elements(lists, row),
    }
}

fn build_object(call: &ArrayCall<'_>, row: usize) -> Result<Option<String>> {
    let zone = call.session_zone();
    let mut out = "{".to_string();
    for (at, pair) in call.arguments.chunks_exact(2).enumerate() {
        let Some(key) = row_texts(&pair[0], &zone)?(row)? else {
            return exec_err!("a key of json_build_object is NULL");
        };
        let comma = if at > 0 { ", " } else { "" };
        let value = json_of(&pair[1], row, call)?.unwrap_or_else(null);
        push(&mut out, format_args!("{comma}{} : {value}", quoted(&key)));
    }
    out.push('}');
    Ok(Some(out))
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = out.write_fmt(text);
}

/// JSON of a row of an array; `None` for NULL.
fn json_of(array: &ArrayRef, row: usize, call: &ArrayCall<'_>) -> Result<Option<String>> {
    let nulls = array.logical_nulls();
    if nulls.is_some_and(|nulls| nulls.is_null(row)) {
        return Ok(None);
    }
    if let Some(items) = elements(array, row) {
        let items = (0..items.len())
            .map(|at| Ok(json_of(&items, at, call)?.unwrap_or_else(null)))
            .collect::<Result<Vec<String>>>()?;
        return Ok(Some(format!("[{}]", items.join(","))));
    }
    if let Some(fields) = array.as_struct_opt() {
        let mut out = "{".to_string();
        for (at, (column, field)) in fields.columns().iter().zip(fields.fields()).enumerate() {
            let comma = if at > 0 { "," } else { "" };
            let value = json_of(column, row, call)?.unwrap_or_else(null);
            // The engine names the fields of a row from `c0`, Postgres from `f1`.
            let name = match *field.name() == format!("c{at}") {
                true => format!("f{}", at + 1),
                false => field.name().clone(),
            };
            push(&mut out, format_args!("{comma}{}:{value}", quoted(&name)));
        }
        out.push('}');
        return Ok(Some(out));
    }
    let Some(text) = row_texts(&array.slice(row, 1), &call.session_zone())?(0)? else {
        return Ok(None);
    };
    let data_type = array.data_type();
    let is_bare = *data_type == DataType::Boolean
        || (data_type.is_numeric() && !matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity"));
    let is_time = matches!(data_type, DataType::Timestamp(..));
    Ok(Some(match is_bare {
        true => text,
        false if is_time => quoted(&iso_time(&text)),
        false => quoted(&text),
    }))
}

/// `2024-01-02T03:04:05+00:00` of `2024-01-02 03:04:05+00`.
fn iso_time(text: &str) -> String {
    let text = text.replacen(' ', "T", 1);
    let has_short_offset = text
        .len()
        .checked_sub(3)
        .and_then(|at| text.get(at..))
        .is_some_and(|end| end.starts_with(['+', '-']) && text.contains(':'));
    match has_short_offset {
        true => format!("{text}:00"),
        false => text,
    }
}
