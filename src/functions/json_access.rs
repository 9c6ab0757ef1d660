//! Parts of JSON documents: the functions of the operators `->`, `->>`, `#>` and `#>>`, and
//! others of Postgres and DuckDB.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Builder, ListBuilder, StringArray, StringBuilder,
};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::json_document::{JsonParts, parts, quoted};
use super::json_path::{self, JsonStep};
use super::sql_function::{ArrayCall, FunctionSpec, as_text, returns_text};
use super::value_text::elements;

/// Most steps of a path.
const MAX_STEPS: usize = 100;

/// How a value is returned.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Json,
    /// The text of a string; NULL for `null`.
    Text,
}

const fn access(
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
        result: returns_text,
        evaluate,
        replace: None,
        keeps_nulls: false,
        volatility: Volatility::Immutable,
    }
}

pub static JSON_OBJECT_FIELD: FunctionSpec = access(
    "json_object_field",
    "json_object_field(json, key)",
    "The value of a key of a JSON object, as JSON: `json -> 'key'`.",
    as_text,
    |call| of_steps(call, Form::Json, key_step),
);

pub static JSON_OBJECT_FIELD_TEXT: FunctionSpec = access(
    "json_object_field_text",
    "json_object_field_text(json, key)",
    "The value of a key of a JSON object, as text: `json ->> 'key'`.",
    as_text,
    |call| of_steps(call, Form::Text, key_step),
);

pub static JSON_ARRAY_ELEMENT: FunctionSpec = access(
    "json_array_element",
    "json_array_element(json, position)",
    "The value at a position of a JSON array, from 0, or from the end if negative, as JSON: `json -> 0`.",
    text_and_position,
    |call| of_steps(call, Form::Json, element_step),
);

pub static JSON_ARRAY_ELEMENT_TEXT: FunctionSpec = access(
    "json_array_element_text",
    "json_array_element_text(json, position)",
    "The value at a position of a JSON array, from 0, or from the end if negative, as text: `json ->> 0`.",
    text_and_position,
    |call| of_steps(call, Form::Text, element_step),
);

pub static JSON_EXTRACT_PATH: FunctionSpec = FunctionSpec {
    arity: (1, MAX_STEPS),
    ..access(
        "json_extract_path",
        "json_extract_path(json, key, ...)",
        "The value at a path of keys and positions, as JSON; the keys may be one array: `json #> '{a,0}'`.",
        text_and_path,
        |call| of_steps(call, Form::Json, path_steps),
    )
};

pub static JSON_EXTRACT_PATH_TEXT: FunctionSpec = FunctionSpec {
    arity: (1, MAX_STEPS),
    ..access(
        "json_extract_path_text",
        "json_extract_path_text(json, key, ...)",
        "The value at a path of keys and positions, as text; the keys may be one array: `json #>> '{a,0}'`.",
        text_and_path,
        |call| of_steps(call, Form::Text, path_steps),
    )
};

pub static JSON_EXTRACT: FunctionSpec = access(
    "json_extract",
    "json_extract(json, path)",
    "The value at a path such as `$.a[0].b`, as JSON, as in DuckDB. A path without `$` is a key.",
    as_text,
    |call| of_steps(call, Form::Json, written_path),
);

pub static JSON_EXTRACT_STRING: FunctionSpec = access(
    "json_extract_string",
    "json_extract_string(json, path)",
    "The value at a path such as `$.a[0].b`, as text, as in DuckDB. A path without `$` is a key.",
    as_text,
    |call| of_steps(call, Form::Text, written_path),
);

pub static JSON_TYPEOF: FunctionSpec = FunctionSpec {
    arity: (1, 1),
    ..access(
        "json_typeof",
        "json_typeof(json)",
        "The type of a JSON value: object, array, string, number, boolean or null.",
        as_text,
        |call| {
            texts_of(call, |_, _, json| {
                let name = match parts_of(json)? {
                    JsonParts::Object(_) => "object",
                    JsonParts::Array(_) => "array",
                    JsonParts::Scalar(scalar) => match scalar.as_bytes().first() {
                        Some(b'"') => "string",
                        Some(b't' | b'f') => "boolean",
                        Some(b'n') => "null",
                        _ => "number",
                    },
                };
                Ok(Some(name.to_string()))
            })
        },
    )
};

pub static JSON_ARRAY_LENGTH: FunctionSpec = FunctionSpec {
    arity: (1, 1),
    result: |_, _| Ok(DataType::Int64),
    ..access(
        "json_array_length",
        "json_array_length(json)",
        "The number of values of a JSON array.",
        as_text,
        |call| {
            let mut out = Int64Builder::new();
            for json in call.arguments[0].as_string::<i32>() {
                out.append_option(match json.map(parts_of).transpose()? {
                    Some(JsonParts::Array(items)) => Some(items.len() as i64),
                    Some(_) => return exec_err!("json_array_length needs an array"),
                    None => None,
                });
            }
            Ok(Arc::new(out.finish()))
        },
    )
};

/// Functions of the parts of a document, as an array; rows in a select list and in FROM.
const fn listing(
    name: &'static str,
    syntax: &'static str,
    description: &'static str,
    evaluate: fn(&ArrayCall<'_>) -> Result<ArrayRef>,
) -> FunctionSpec {
    FunctionSpec {
        arity: (1, 1),
        result: |_, _| {
            let item = Field::new_list_field(DataType::Utf8, true);
            Ok(DataType::List(Arc::new(item)))
        },
        ..access(name, syntax, description, as_text, evaluate)
    }
}

pub static JSON_ARRAY_ELEMENTS: FunctionSpec = listing(
    "json_array_elements",
    "json_array_elements(json)",
    "The values of a JSON array, as JSON: rows in a select list and in FROM.",
    |call| lists_of(call, |json| elements_of(call.name, json, Form::Json)),
);

pub static JSON_ARRAY_ELEMENTS_TEXT: FunctionSpec = listing(
    "json_array_elements_text",
    "json_array_elements_text(json)",
    "The values of a JSON array, as text: rows in a select list and in FROM.",
    |call| lists_of(call, |json| elements_of(call.name, json, Form::Text)),
);

pub static JSON_OBJECT_KEYS: FunctionSpec = listing(
    "json_object_keys",
    "json_object_keys(json)",
    "The keys of a JSON object: rows in a select list and in FROM.",
    |call| {
        lists_of(call, |json| match parts_of(json)? {
            JsonParts::Object(items) => {
                let keys = items.iter().map(|(key, _)| form(key, Form::Text));
                keys.collect()
            }
            _ => exec_err!("json_object_keys needs an object"),
        })
    },
);

fn text_and_position(_: &[DataType]) -> Result<Vec<DataType>> {
    Ok(vec![DataType::Utf8, DataType::Int64])
}

/// A document, and a path as one array or as texts.
fn text_and_path(types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [_, path] if path.is_list() => {
            let item = Field::new_list_field(DataType::Utf8, true);
            Ok(vec![DataType::Utf8, DataType::List(Arc::new(item))])
        }
        types => as_text(types),
    }
}

fn key_step(call: &ArrayCall<'_>, row: usize) -> Result<Option<Vec<JsonStep>>> {
    let key = text(&call.arguments[1], row);
    Ok(key.map(|key| vec![JsonStep::Key(quoted(key))]))
}

fn element_step(call: &ArrayCall<'_>, row: usize) -> Result<Option<Vec<JsonStep>>> {
    let positions = call.arguments[1].as_primitive::<Int64Type>();
    let position = positions.is_valid(row).then(|| positions.value(row));
    Ok(position.map(|position| vec![JsonStep::Element(position)]))
}

fn path_steps(call: &ArrayCall<'_>, row: usize) -> Result<Option<Vec<JsonStep>>> {
    let either = |text: &str| JsonStep::Either(text.to_string());
    Ok(match &call.arguments[1..] {
        [path] if path.data_type().is_list() => match elements(path, row) {
            Some(keys) if path.is_valid(row) => {
                let keys = keys.as_string::<i32>();
                keys.iter().map(|key| key.map(either)).collect()
            }
            _ => None,
        },
        keys => keys.iter().map(|key| text(key, row).map(either)).collect(),
    })
}

fn written_path(call: &ArrayCall<'_>, row: usize) -> Result<Option<Vec<JsonStep>>> {
    let path = text(&call.arguments[1], row);
    path.map(json_path::steps).transpose()
}

fn text(array: &ArrayRef, row: usize) -> Option<&str> {
    let texts: &StringArray = array.as_string();
    texts.is_valid(row).then(|| texts.value(row))
}

/// A text for each row with a document.
fn texts_of(
    call: &ArrayCall<'_>,
    of: impl Fn(&ArrayCall<'_>, usize, &str) -> Result<Option<String>>,
) -> Result<ArrayRef> {
    let mut out = StringBuilder::new();
    for row in 0..call.rows {
        let json = text(&call.arguments[0], row);
        let found = json.map(|json| of(call, row, json)).transpose()?;
        out.append_option(found.flatten());
    }
    Ok(Arc::new(out.finish()))
}

fn of_steps(
    call: &ArrayCall<'_>,
    wanted: Form,
    steps: fn(&ArrayCall<'_>, usize) -> Result<Option<Vec<JsonStep>>>,
) -> Result<ArrayRef> {
    texts_of(call, |call, row, json| match steps(call, row)? {
        Some(steps) => match at_path(json, &steps)? {
            Some(value) => form(value, wanted),
            None => Ok(None),
        },
        None => Ok(None),
    })
}

/// The value at a path, as it is written; `None` if there is none.
fn at_path<'a>(json: &'a str, steps: &[JsonStep]) -> Result<Option<&'a str>> {
    let mut value = json;
    for step in steps {
        let next = match (parts_of(value)?, step) {
            (JsonParts::Object(items), JsonStep::Key(key)) => named(&items, key),
            (JsonParts::Object(items), JsonStep::Either(key)) => named(&items, &quoted(key)),
            (JsonParts::Array(items), JsonStep::Element(at)) => positioned(&items, *at),
            (JsonParts::Array(items), JsonStep::Either(at)) => {
                at.parse().ok().and_then(|at| positioned(&items, at))
            }
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => return Ok(None),
        }
    }
    if steps.is_empty() {
        parts_of(value)?;
    }
    Ok(Some(value.trim()))
}

/// The last of equal keys.
fn named<'a>(items: &[(String, &'a str)], key: &str) -> Option<&'a str> {
    let mut items = items.iter().rev();
    items
        .find(|(known, _)| known == key)
        .map(|(_, value)| *value)
}

fn positioned<'a>(items: &[&'a str], at: i64) -> Option<&'a str> {
    let at = match at < 0 {
        true => (items.len() as i64).checked_add(at)?,
        false => at,
    };
    items.get(usize::try_from(at).ok()?).copied()
}

fn form(value: &str, wanted: Form) -> Result<Option<String>> {
    match (wanted, value.as_bytes().first()) {
        (Form::Text, Some(b'"')) => serde_json::from_str(value)
            .map(Some)
            .map_err(|error| exec_datafusion_err!("invalid input for type json: {error}")),
        (Form::Text, Some(b'n')) => Ok(None),
        _ => Ok(Some(value.to_string())),
    }
}

fn elements_of(name: &str, json: &str, wanted: Form) -> Result<Vec<Option<String>>> {
    match parts_of(json)? {
        JsonParts::Array(items) => items.iter().map(|item| form(item, wanted)).collect(),
        _ => exec_err!("{name} needs an array"),
    }
}

fn lists_of(
    call: &ArrayCall<'_>,
    of: impl Fn(&str) -> Result<Vec<Option<String>>>,
) -> Result<ArrayRef> {
    let mut out = ListBuilder::new(StringBuilder::new());
    for json in call.arguments[0].as_string::<i32>() {
        out.append_option(json.map(&of).transpose()?);
    }
    Ok(Arc::new(out.finish()))
}

fn parts_of(json: &str) -> Result<JsonParts<'_>> {
    parts(json).map_err(|error| exec_datafusion_err!("{error}"))
}
