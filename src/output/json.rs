//! JSON: one array of objects, or one object per line.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::json::WriterBuilder;
use arrow::json::writer::LineDelimited;

use super::json_values::JsonValues;
use super::member_names::check_member_names;
use super::target::ResultWriter;
use crate::error::Result;

/// Writer of JSON and NDJSON.
pub struct JsonWriter<'a> {
    schema: SchemaRef,
    out: &'a mut dyn Write,
    /// Whether the objects are elements of one array.
    array: bool,
    rows: usize,
}

impl<'a> JsonWriter<'a> {
    pub fn array(schema: SchemaRef, out: &'a mut dyn Write) -> Self {
        Self {
            schema,
            out,
            array: true,
            rows: 0,
        }
    }

    pub fn lines(schema: SchemaRef, out: &'a mut dyn Write) -> Self {
        Self {
            schema,
            out,
            array: false,
            rows: 0,
        }
    }
}

impl ResultWriter for JsonWriter<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        check_member_names(&self.schema)?;
        let lines = json_lines(batch)?;
        if !self.array {
            self.out.write_all(&lines)?;
            return Ok(());
        }
        for line in lines
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            self.out
                .write_all(if self.rows == 0 { b"[\n  " } else { b",\n  " })?;
            self.out.write_all(line)?;
            self.rows += 1;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        check_member_names(&self.schema)?;
        if self.array {
            self.out
                .write_all(if self.rows == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        Ok(())
    }
}

/// JSON objects of the rows, one per line; NULL is written as null.
///
/// # Errors
/// A value that has no JSON.
pub fn json_lines(batch: &RecordBatch) -> Result<Vec<u8>> {
    let mut lines = Vec::new();
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .with_encoder_factory(Arc::new(JsonValues))
        .build::<_, LineDelimited>(&mut lines);
    writer.write(batch)?;
    writer.finish()?;
    drop(writer);
    Ok(lines)
}

/// Values of a nested column as JSON; `None` for NULL.
pub(super) fn nested_as_json(column: &ArrayRef) -> Result<Vec<Option<String>>> {
    const NAME: &str = "v";
    let schema = Schema::new(vec![Field::new(NAME, column.data_type().clone(), true)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::clone(column)])?;
    let lines = json_lines(&batch)?;
    let text = String::from_utf8_lossy(&lines);
    let nulls = column.logical_nulls();
    let (before, after) = (format!("{{\"{NAME}\":"), "}");
    Ok(text
        .lines()
        .enumerate()
        .map(|(row, line)| {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                return None;
            }
            let value = line.strip_prefix(before.as_str())?.strip_suffix(after)?;
            Some(value.to_string())
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        BinaryArray, BinaryViewArray, Decimal128Array, FixedSizeListArray, Float32Array,
        Float64Array, Float64Builder, Int32Builder, Int64Array, ListArray, MapBuilder, StringArray,
        StructArray, TimestampMicrosecondArray, UInt64Array,
    };
    use arrow::datatypes::{DataType, Int32Type};

    use super::super::format::OutputFormat;
    use super::super::style::Style;
    use super::super::testing::rendered;
    use super::*;

    fn batch() -> RecordBatch {
        let list =
            ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
        RecordBatch::try_from_iter([
            (
                "n",
                Arc::new(Int64Array::from(vec![9_007_199_254_740_993, -1])) as ArrayRef,
            ),
            (
                "text",
                Arc::new(StringArray::from(vec![Some("a\"\n"), None])) as ArrayRef,
            ),
            (
                "x",
                Arc::new(Float64Array::from(vec![f64::NAN, 1.5])) as ArrayRef,
            ),
            ("list", Arc::new(list) as ArrayRef),
        ])
        .unwrap()
    }

    #[test]
    fn json_is_valid_for_special_values() {
        let style = Style {
            format: OutputFormat::Json,
            ..Style::default()
        };
        let text = rendered(&batch(), &style);
        let rows: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(rows[0]["n"], 9_007_199_254_740_993_i64);
        assert_eq!(rows[0]["x"], "NaN");
        assert_eq!(rows[1]["list"], serde_json::Value::Null);
        assert_eq!(rows.as_array().unwrap().len(), 2);
        assert_eq!(rendered(&batch().slice(0, 0), &style), "[]\n");
    }

    #[test]
    fn ndjson_has_one_line_per_row() {
        let text = rendered(
            &batch(),
            &Style {
                format: OutputFormat::Ndjson,
                ..Style::default()
            },
        );
        assert_eq!(text.lines().count(), 2);
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }

    #[test]
    fn nested_values_are_json_text() {
        let texts = nested_as_json(batch().column(3)).unwrap();
        assert_eq!(texts, [Some("[1,null]".to_string()), None]);
    }

    #[test]
    fn numbers_stay_numbers_and_bytes_become_hex() {
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let values = Arc::new(Float32Array::from(vec![0.5, f32::INFINITY]));
        let vector = FixedSizeListArray::new(item, 2, values, None);
        let n = Arc::new(Int64Array::from(vec![None])) as ArrayRef;
        let record = StructArray::from(vec![(Arc::new(Field::new("n", DataType::Int64, true)), n)]);
        let decimal = Decimal128Array::from(vec![1_250])
            .with_precision_and_scale(10, 2)
            .unwrap();
        let batch = RecordBatch::try_from_iter([
            (
                "big",
                Arc::new(UInt64Array::from(vec![u64::MAX])) as ArrayRef,
            ),
            ("decimal", Arc::new(decimal) as ArrayRef),
            (
                "bytes",
                Arc::new(BinaryArray::from_vec(vec![b"\x00\xff"])) as ArrayRef,
            ),
            (
                "view",
                Arc::new(BinaryViewArray::from_iter_values([b"\x01"])) as ArrayRef,
            ),
            ("vector", Arc::new(vector) as ArrayRef),
            ("record", Arc::new(record) as ArrayRef),
            (
                "at",
                Arc::new(TimestampMicrosecondArray::from(vec![1_500_000])) as ArrayRef,
            ),
        ])
        .unwrap();
        let text = rendered(
            &batch,
            &Style {
                format: OutputFormat::Ndjson,
                ..Style::default()
            },
        );
        let expected = concat!(
            r#"{"big":18446744073709551615,"decimal":12.50,"bytes":"00ff","view":"01","#,
            r#""vector":[0.5,"Infinity"],"record":{"n":null},"at":"1970-01-01T00:00:01.500"}"#,
            "\n"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_name_that_occurs_twice_is_refused() {
        let twice = RecordBatch::try_from_iter([
            ("a", Arc::new(Int64Array::from(vec![1])) as ArrayRef),
            ("a", Arc::new(Int64Array::from(vec![2])) as ArrayRef),
        ])
        .unwrap();
        for rows in [0, 1] {
            let mut out = Vec::new();
            let mut json = JsonWriter::lines(twice.schema(), &mut out);
            let error = json.batch(&twice.slice(0, rows)).unwrap_err();
            assert!(error.message.contains("'a'"), "{error}");
            assert!(json.finish().is_err());
            assert!(out.is_empty());
        }
    }

    #[test]
    fn keys_of_maps_are_texts() {
        let mut maps = MapBuilder::new(None, Int32Builder::new(), Float64Builder::new());
        maps.keys().append_value(1);
        maps.values().append_value(f64::NEG_INFINITY);
        maps.keys().append_value(-2);
        maps.values().append_null();
        maps.append(true).unwrap();
        maps.append(false).unwrap();
        let column: ArrayRef = Arc::new(maps.finish());
        let texts = nested_as_json(&column).unwrap();
        assert_eq!(
            texts,
            [Some("{\"1\":\"-Infinity\",\"-2\":null}".to_string()), None]
        );
    }

    #[test]
    fn several_batches_are_one_array() {
        let mut out = Vec::new();
        let batch = batch();
        {
            let mut json = JsonWriter::array(batch.schema(), &mut out);
            for batch in [batch.slice(0, 0), batch.slice(0, 1), batch.slice(1, 1)] {
                json.batch(&batch).unwrap();
            }
            json.finish().unwrap();
        }
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
        assert_eq!((rows.len(), &rows[1]["n"]), (2, &serde_json::json!(-1)));
    }
}
