//! Columns of JSON files: one object on each line, or all in one array.

use arrow::datatypes::Schema;
use serde::de::IgnoredAny;

use super::json_types::JsonMembers;
use super::sample::{Sample, check_text};
use crate::error::{Result, ShellError};

/// Whether the objects are in an array.
pub fn is_array(sample: &Sample) -> bool {
    sample.bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[')
}

/// Infers the columns of all sampled files.
///
/// # Errors
/// Text that is not UTF-8 or not JSON, with its line; other values than objects;
/// no objects.
pub fn infer_schema(samples: &[Sample]) -> Result<Schema> {
    let mut members = JsonMembers::default();
    for sample in samples {
        check_text(sample)?;
        if is_array(sample) {
            read_elements(sample, &mut members)?;
        } else {
            read_lines(sample, &mut members)?;
            for line in sample
                .pieces
                .iter()
                .flat_map(|piece| piece.split(|byte| *byte == b'\n'))
            {
                if let Ok(Some(object)) = parse_object(line.trim_ascii()) {
                    members.add_object(object).map_err(|why| {
                        ShellError::query(format!("a line of '{}' {why}", sample.name))
                    })?;
                }
            }
        }
    }
    let name = samples.first().map_or("", |sample| sample.name.as_str());
    if members.is_empty() {
        return Err(ShellError::query(format!(
            "'{name}' has no objects, so its columns are unknown"
        )));
    }
    let fields = members
        .fields()
        .map_err(|why| ShellError::query(format!("'{name}' {why}")))?;
    Ok(Schema::new(fields))
}

/// Text of an object; `None` for another valid value.
fn parse_object(text: &[u8]) -> Result<Option<&str>, serde_json::Error> {
    serde_json::from_slice::<IgnoredAny>(text)?;
    let object = std::str::from_utf8(text).ok();
    Ok(object.filter(|object| object.starts_with('{')))
}

fn read_lines(sample: &Sample, members: &mut JsonMembers) -> Result<()> {
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
        match parse_object(line) {
            Ok(Some(object)) => members
                .add_object(object)
                .map_err(|why| fault(sample, number, &why))?,
            Ok(None) => {
                return Err(fault(
                    sample,
                    number,
                    "is not an object; each line must be one",
                ));
            }
            Err(error) if error.is_eof() && is_pretty_printed(sample) => {
                return Err(ShellError::query(format!(
                    "'{}' has objects of several lines, from line {number}; write one on each line, for instance with: jq -c . FILE",
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
    let mut values = serde_json::Deserializer::from_slice(&sample.bytes).into_iter::<IgnoredAny>();
    let starts_with_object = sample.bytes.trim_ascii_start().starts_with(b"{");
    match values.next() {
        Some(Ok(IgnoredAny)) => starts_with_object,
        Some(Err(error)) => error.is_eof() && !sample.whole,
        None => false,
    }
}

fn read_elements(sample: &Sample, members: &mut JsonMembers) -> Result<()> {
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
            serde_json::Deserializer::from_slice(&sample.bytes[at..]).into_iter::<IgnoredAny>();
        let next = values.next();
        let value = &sample.bytes[at..at + values.byte_offset()];
        match next {
            Some(Ok(IgnoredAny)) if value.starts_with(b"{") => {
                members
                    .add_object(&String::from_utf8_lossy(value))
                    .map_err(|why| fault(sample, line_of(sample, at), &why))?;
            }
            Some(Ok(IgnoredAny)) => {
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

#[cfg(test)]
mod tests {
    use arrow::datatypes::DataType;

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
        infer_schema(&[sample(text, whole)])
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
