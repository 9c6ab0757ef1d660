//! Columns of JSON files: one object on each line, or all in one array.

use arrow::datatypes::{DataType, Field, Fields, Schema};
use arrow::error::ArrowError;
use arrow::json::reader::infer_json_schema_from_iterator;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::sample::{Sample, check_text};
use crate::error::{Result, ShellError};

/// Number of objects that determine the order of columns.
const ORDERING_OBJECTS: usize = 100;

/// Objects of the samples.
#[derive(Default)]
struct SampledObjects {
    values: Vec<Value>,
    /// Names of members in order of first occurrence.
    order: Vec<String>,
}

impl SampledObjects {
    /// Adds an object; `text` starts with it.
    fn push(&mut self, value: Value, text: &[u8]) {
        if self.values.len() < ORDERING_OBJECTS
            && let Some(Ok(MemberNames(keys))) = serde_json::Deserializer::from_slice(text)
                .into_iter()
                .next()
        {
            for key in keys {
                if !self.order.contains(&key) {
                    self.order.push(key);
                }
            }
        }
        self.values.push(value);
    }
}

/// Names of an object's members in their order, which a parsed value loses.
struct MemberNames(Vec<String>);

impl<'de> Deserialize<'de> for MemberNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = MemberNames;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MemberNames, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                    keys.push(key);
                }
                Ok(MemberNames(keys))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Whether the objects are in an array.
pub fn is_array(sample: &Sample) -> bool {
    sample.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// Infers the columns of all sampled files, and whether a column mixes text with
/// numbers or Boolean values. Such a column is text.
///
/// # Errors
/// Text that is not UTF-8 or not JSON, with its line; other values than objects;
/// no objects.
pub fn infer_schema(samples: &[Sample]) -> Result<(Schema, bool)> {
    let mut objects = SampledObjects::default();
    for sample in samples {
        check_text(sample)?;
        if is_array(sample) {
            read_elements(sample, &mut objects)?;
        } else {
            read_lines(sample, &mut objects)?;
            for line in sample
                .pieces
                .iter()
                .flat_map(|piece| piece.split(|byte| *byte == b'\n'))
            {
                if let Ok(value @ Value::Object(_)) = serde_json::from_slice(line) {
                    objects.push(value, line);
                }
            }
        }
    }
    let name = samples.first().map_or("", |sample| sample.name.as_str());
    if objects.values.is_empty() {
        return Err(ShellError::query(format!(
            "'{name}' has no objects, so its columns are unknown"
        )));
    }
    let values = objects.values.iter().map(Ok::<_, ArrowError>);
    let inferred = infer_json_schema_from_iterator(values)
        .map_err(|error| ShellError::query(format!("cannot make columns of '{name}': {error}")))?;
    let mut fields: Vec<_> = known_fields(inferred.fields()).iter().cloned().collect();
    fields.sort_by_key(|field| {
        let position = objects.order.iter().position(|name| name == field.name());
        position.unwrap_or(objects.order.len())
    });
    let schema = Schema::new(fields);
    let mixed = objects
        .values
        .iter()
        .any(|object| schema.fields().iter().any(|field| is_mixed(object, field)));
    Ok((schema, mixed))
}

/// Whether `field` is text and its value in `object` is not.
fn is_mixed(object: &Value, field: &Field) -> bool {
    let value = object.get(field.name());
    value.is_some_and(|value| is_mixed_value(value, field.data_type()))
}

fn is_mixed_value(value: &Value, data_type: &DataType) -> bool {
    match (data_type, value) {
        (DataType::Utf8, Value::Number(_) | Value::Bool(_)) => true,
        (DataType::List(item), Value::Array(values)) => values
            .iter()
            .any(|value| is_mixed_value(value, item.data_type())),
        (DataType::Struct(fields), Value::Object(_)) => {
            fields.iter().any(|field| is_mixed(value, field))
        }
        _ => false,
    }
}

fn read_lines(sample: &Sample, objects: &mut SampledObjects) -> Result<()> {
    let mut rest = sample.bytes.as_slice();
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let line = rest[..end.unwrap_or(rest.len())].trim_ascii();
        rest = end.map_or(&[][..], |end| &rest[end + 1..]);
        // The last line of a sample may be cut off.
        if line.is_empty() || (end.is_none() && !sample.whole) {
            continue;
        }
        match serde_json::from_slice(line) {
            Ok(value @ Value::Object(_)) => objects.push(value, line),
            Ok(_) => {
                return Err(fault(
                    sample,
                    number,
                    "is not an object; each line must be one",
                ));
            }
            Err(error) if error.is_eof() && is_pretty_printed(sample) => {
                return Err(ShellError::query(format!(
                    "'{}' has objects of several lines; write one on each line, for instance with: jq -c . FILE",
                    sample.name
                )));
            }
            Err(error) => {
                let why = error.to_string();
                let why = why.split(" at line ").next().unwrap_or(&why);
                return Err(fault(
                    sample,
                    number,
                    &format!("is not valid JSON: {why} (column {})", error.column()),
                ));
            }
        }
    }
    Ok(())
}

/// Whether the sample starts with an object of several lines.
fn is_pretty_printed(sample: &Sample) -> bool {
    let mut values = serde_json::Deserializer::from_slice(&sample.bytes).into_iter::<Value>();
    match values.next() {
        Some(Ok(value)) => value.is_object(),
        Some(Err(error)) => error.is_eof() && !sample.whole,
        None => false,
    }
}

fn read_elements(sample: &Sample, objects: &mut SampledObjects) -> Result<()> {
    let start = sample
        .bytes
        .iter()
        .position(|byte| *byte == b'[')
        .map_or(0, |at| at + 1);
    let mut at = start;
    loop {
        while sample
            .bytes
            .get(at)
            .is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b',')
        {
            at += 1;
        }
        match sample.bytes.get(at) {
            Some(b']') => return Ok(()),
            None if sample.whole => {
                return Err(fault(sample, line_of(sample, at), "ends within the array"));
            }
            None => return Ok(()),
            Some(_) => {}
        }
        let mut values =
            serde_json::Deserializer::from_slice(&sample.bytes[at..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(value @ Value::Object(_))) => objects.push(value, &sample.bytes[at..]),
            Some(Ok(_)) => {
                return Err(fault(
                    sample,
                    line_of(sample, at),
                    "has other values than objects in the array",
                ));
            }
            Some(Err(error)) if error.is_eof() && !sample.whole => return Ok(()),
            Some(Err(error)) => {
                let why = error.to_string();
                let why = why.split(" at line ").next().unwrap_or(&why);
                let line = line_of(sample, at) + error.line() - 1;
                return Err(fault(sample, line, &format!("is not valid JSON: {why}")));
            }
            None => return Ok(()),
        }
        at += values.byte_offset();
    }
}

fn line_of(sample: &Sample, at: usize) -> usize {
    let before = &sample.bytes[..at.min(sample.bytes.len())];
    1 + before.iter().filter(|byte| **byte == b'\n').count()
}

fn fault(sample: &Sample, line: usize, what: &str) -> ShellError {
    ShellError::query(format!("'{}' line {line} {what}", sample.name))
}

/// Makes members text whose sampled values are all null. Text in later rows would
/// fail otherwise.
fn known_fields(fields: &Fields) -> Fields {
    fields
        .iter()
        .map(|field| Field::new(field.name(), known_type(field.data_type()), true))
        .collect()
}

fn known_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Null => DataType::Utf8,
        DataType::List(item) => DataType::new_list(known_type(item.data_type()), true),
        DataType::Struct(fields) => DataType::Struct(known_fields(fields)),
        known => known.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(text: &str, whole: bool) -> Sample {
        Sample {
            bytes: text.as_bytes().to_vec(),
            pieces: Vec::new(),
            whole,
            name: "x.json".into(),
        }
    }

    fn of(text: &str, whole: bool) -> Result<Schema> {
        infer_schema(&[sample(text, whole)]).map(|(schema, _)| schema)
    }

    #[test]
    fn a_mix_of_text_and_numbers_is_detected_at_any_depth() {
        let mixed = |text: &str| infer_schema(&[sample(text, true)]).unwrap().1;
        assert!(mixed("{\"a\":1}\n{\"a\":\"x\"}\n"));
        assert!(mixed("{\"a\":{\"b\":[1,\"x\"]}}\n"));
        assert!(!mixed("{\"a\":1,\"b\":\"x\"}\n{\"a\":2.5,\"b\":null}\n"));
    }

    #[test]
    fn lines_and_arrays_give_the_same_columns() {
        let lines = of("{\"a\":1,\"b\":null}\n\n{\"a\":2.5,\"c\":[]}\n", true).unwrap();
        let array = of("[{\"a\":1,\"b\":null},\n {\"a\":2.5,\"c\":[]}]", true).unwrap();
        assert_eq!(lines, array);
        assert_eq!(
            lines.field_with_name("a").unwrap().data_type(),
            &DataType::Float64
        );
        assert_eq!(
            lines.field_with_name("b").unwrap().data_type(),
            &DataType::Utf8
        );
    }

    #[test]
    fn columns_keep_the_order_of_the_file() {
        let schema = of("{\"b\":1,\"a\":2}\n{\"a\":2,\"0\":1}\n", true).unwrap();
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        assert_eq!(names, ["b", "a", "0"]);
    }

    #[test]
    fn an_object_cut_off_by_the_sample_is_ignored() {
        assert!(of("{\"a\":1}\n{\"a\":", false).is_ok());
        assert!(of("[{\"a\":1},{\"a\":", false).is_ok());
        assert!(of("[{\"a\":1},{\"a\":", true).is_err());
    }

    #[test]
    fn faults_are_reported_with_their_line() {
        let line = of("{\"a\":1}\n{\"a\":1,}\n", true).unwrap_err();
        assert!(line.message.contains("line 2"), "{line}");
        let array = of("[{\"a\":1},\n{\"a\":}]", true).unwrap_err();
        assert!(array.message.contains("line 2"), "{array}");
        let number = of("{\"a\":1}\n7\n", true).unwrap_err();
        assert!(
            number.message.contains("line 2 is not an object"),
            "{number}"
        );
        let spread = of("{\n \"a\": 1\n}\n", true).unwrap_err();
        assert!(spread.message.contains("one on each line"), "{spread}");
        assert!(of("[]", true).unwrap_err().message.contains("no objects"));
    }
}
