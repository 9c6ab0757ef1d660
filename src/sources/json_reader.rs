//! Batches of JSON: objects one after the other, or in one array.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use arrow::json::reader::Decoder;
use serde::de::IgnoredAny;

use super::batch_decoder::BatchDecoder;
use crate::error::{Result, ShellError};

/// Maximum number of bytes that are read at once: what follows the end of a batch is
/// read again.
const MAX_READ_BYTES: usize = 64 << 10;

/// Incremental reader of JSON objects. Numbers in columns of text become text.
pub struct JsonDecoder {
    decoder: Decoder,
    schema: SchemaRef,
    /// Set if the objects are in an array.
    array: Option<ArrayUnwrapper>,
    /// Text since the last batch, to find the line of an error.
    text: Vec<u8>,
    /// Number of line feeds before `text`.
    lines_before: usize,
    /// Offset of the first byte in its file.
    offset: u64,
    /// Name of the file for messages.
    name: String,
    full: bool,
}

impl JsonDecoder {
    /// Reader of the columns of `schema`. `offset` is the offset of the first byte in
    /// its file.
    ///
    /// # Errors
    /// Types that JSON has no values for.
    pub fn try_new(
        schema: SchemaRef,
        batch_rows: usize,
        array: bool,
        offset: u64,
        name: String,
    ) -> Result<Self> {
        Ok(Self {
            decoder: arrow_decoder(&schema, batch_rows)?,
            schema,
            array: array.then(ArrayUnwrapper::default),
            text: Vec::new(),
            lines_before: 0,
            offset,
            name,
            full: false,
        })
    }

    /// Error with the line on which the text since the last batch is wrong.
    fn locate(&self, error: &ArrowError) -> ShellError {
        let (line, why) = syntax_fault(&self.text)
            .or_else(|| type_fault(&self.text, &self.schema))
            .unwrap_or_else(|| (0, error.to_string()));
        let line = self.lines_before + line + 1;
        let place = match self.offset {
            0 => format!("line {line}"),
            offset => format!("line {line} after byte {offset}"),
        };
        ShellError::query(format!("'{}' {place}: {why}", self.name))
    }
}

impl BatchDecoder for JsonDecoder {
    fn decode(&mut self, bytes: &[u8]) -> Result<usize> {
        let bytes = &bytes[..bytes.len().min(MAX_READ_BYTES)];
        let before = self.text.len();
        let restart = self.array.clone();
        match &mut self.array {
            Some(array) => self
                .text
                .extend(bytes.iter().map(|byte| array.convert(*byte))),
            None => self.text.extend_from_slice(bytes),
        }
        let read = match self.decoder.decode(&self.text[before..]) {
            Ok(read) => read,
            Err(error) => return Err(self.locate(&error)),
        };
        self.full = read < bytes.len();
        if self.full {
            self.text.truncate(before + read);
            // The rest is converted again with the next batch.
            self.array = restart;
            if let Some(array) = &mut self.array {
                for byte in &bytes[..read] {
                    array.convert(*byte);
                }
            }
        }
        Ok(read)
    }

    fn is_full(&self) -> bool {
        self.full
    }

    fn finish(&mut self) -> Result<()> {
        if self.array.as_ref().is_some_and(|array| array.depth > 0) {
            return Err(ShellError::query(format!(
                "'{}' ends within its array; it is incomplete",
                self.name
            )));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>> {
        self.full = false;
        let batch = match self.decoder.flush() {
            Ok(batch) => batch,
            Err(error) => return Err(self.locate(&error)),
        };
        self.lines_before += count_lines(&self.text);
        self.text.clear();
        Ok(batch)
    }
}

fn arrow_decoder(schema: &SchemaRef, batch_rows: usize) -> Result<Decoder> {
    Ok(ReaderBuilder::new(SchemaRef::clone(schema))
        .with_batch_size(batch_rows.max(1))
        .with_coerce_primitive(true)
        .build_decoder()?)
}

fn count_lines(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte == b'\n').count()
}

/// Number of lines before the first fault of syntax in a sequence of objects, and the
/// fault.
fn syntax_fault(text: &[u8]) -> Option<(usize, String)> {
    let mut values = serde_json::Deserializer::from_slice(text).into_iter::<IgnoredAny>();
    let error = values.find_map(std::result::Result::err)?;
    let why = error.to_string();
    let why = why.split(" at line ").next().unwrap_or(&why);
    Some((
        error.line().saturating_sub(1),
        format!("not valid JSON: {why} (column {})", error.column()),
    ))
}

/// Number of lines before the first object that does not have the types of the
/// columns, and the reason.
fn type_fault(text: &[u8], schema: &SchemaRef) -> Option<(usize, String)> {
    let mut decoder = arrow_decoder(schema, 1).ok()?;
    let mut at = 0;
    while at < text.len() {
        let start = at + text[at..].iter().position(|b| !b.is_ascii_whitespace())?;
        let decoded = decoder.decode(&text[at..]).and_then(|read| {
            at += read.max(1);
            decoder.flush()
        });
        if let Err(error) = decoded {
            let why = match error {
                ArrowError::JsonError(why) | ArrowError::ParseError(why) => why,
                other => other.to_string(),
            };
            return Some((count_lines(&text[..start]), why));
        }
    }
    None
}

/// Replaces the outer brackets of an array, and the commas between its elements, by
/// spaces.
#[derive(Clone, Default)]
struct ArrayUnwrapper {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl ArrayUnwrapper {
    fn convert(&mut self, byte: u8) -> u8 {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return byte;
        }
        let outer = match byte {
            b'"' => {
                self.in_string = true;
                false
            }
            b'[' | b'{' => {
                self.depth += 1;
                self.depth == 1
            }
            b']' | b'}' => {
                let outer = self.depth == 1;
                self.depth = self.depth.saturating_sub(1);
                outer
            }
            b',' => self.depth == 1,
            _ => false,
        };
        if outer { b' ' } else { byte }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn decoder(array: bool, batch_rows: usize) -> JsonDecoder {
        let schema = Schema::new(vec![
            Field::new("a", DataType::UInt64, true),
            Field::new("b", DataType::Utf8, true),
        ]);
        JsonDecoder::try_new(Arc::new(schema), batch_rows, array, 0, "x.json".into()).unwrap()
    }

    /// Number of rows of each batch.
    fn read(decoder: &mut JsonDecoder, text: &str, step: usize) -> Result<Vec<usize>> {
        let mut rows = Vec::new();
        for piece in text.as_bytes().chunks(step) {
            let mut left = piece;
            while !left.is_empty() {
                let read = decoder.decode(left)?;
                left = &left[read..];
                if decoder.is_full() {
                    rows.extend(decoder.flush()?.map(|batch| batch.num_rows()));
                }
            }
        }
        decoder.finish()?;
        rows.extend(decoder.flush()?.map(|batch| batch.num_rows()));
        Ok(rows)
    }

    #[test]
    fn only_the_outer_array_is_unwrapped() {
        let mut unwrap = ArrayUnwrapper::default();
        let text = r#"[{"a":[1,2],"b":"x],\"["}, {"a":{}}]"#;
        let inside: Vec<u8> = text.bytes().map(|byte| unwrap.convert(byte)).collect();
        let inside = String::from_utf8(inside).unwrap();
        assert_eq!(
            inside.trim(),
            "{\"a\":[1,2],\"b\":\"x],\\\"[\"}  {\"a\":{}}"
        );
        assert_eq!(unwrap.depth, 0);
    }

    #[test]
    fn pieces_of_any_size_give_the_same_batches() {
        let array = "[{\"a\":1,\"b\":\"],[\"},\n{\"a\":18446744073709551615},{\"b\":2}]";
        let lines = "{\"a\":1,\"b\":\"],[\"}\n{\"a\":18446744073709551615}\n{\"b\":2}";
        for step in [1, 2, 7, 1000] {
            assert_eq!(read(&mut decoder(true, 2), array, step).unwrap(), [2, 1]);
            assert_eq!(read(&mut decoder(false, 2), lines, step).unwrap(), [2, 1]);
        }
    }

    #[test]
    fn faults_name_file_and_line() {
        for (array, text, parts) in [
            (
                false,
                "{\"a\":1}\n\n{\"a\":2}\n{\"a\":}\n",
                ["line 4", "not valid JSON"],
            ),
            (
                false,
                "{\"a\":1}\n{\"a\":2}\n{\"a\":\"x\"}\n",
                ["line 3", "'a'"],
            ),
            (
                true,
                "[{\"a\":1},\n{\"a\":2},\n{\"a\":-1}]",
                ["line 3", "'a'"],
            ),
            (true, "[{\"a\":1}", ["array", "incomplete"]),
        ] {
            for step in [1, 1000] {
                let error = read(&mut decoder(array, 2), text, step).unwrap_err();
                for part in parts.iter().chain(&["'x.json'"]) {
                    assert!(error.message.contains(part), "{text} {step}: {error}");
                }
            }
        }
    }
}
