//! Batches of delimited text.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use serde::{Deserialize, Serialize};

use super::arrays::FieldColumn;
use super::dialect::Dialect;
use super::faults::{open_quote, uneven_record};
use super::records::{RecordSplitter, Records};
use crate::error::Result;
use crate::sources::batch_decoder::BatchDecoder;

/// Bytes of text after which a batch ends.
const MAX_BATCH_BYTES: usize = 16 << 20;

/// How delimited text is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvReading {
    pub dialect: Dialect,
    /// Positions of the columns whose numbers have decimal commas.
    pub decimal_commas: Vec<usize>,
}

/// Incremental reader of delimited text with a header line.
pub struct CsvDecoder {
    reading: CsvReading,
    /// All columns of the file.
    schema: SchemaRef,
    /// Positions of the columns to read.
    projection: Vec<usize>,
    batch_rows: usize,
    /// Name of the file for messages.
    name: String,
    splitter: RecordSplitter,
    records: Records,
    header_read: bool,
}

impl CsvDecoder {
    pub fn new(
        reading: CsvReading,
        schema: SchemaRef,
        projection: Vec<usize>,
        batch_rows: usize,
        name: String,
    ) -> Self {
        Self {
            splitter: RecordSplitter::new(reading.dialect),
            reading,
            schema,
            projection,
            batch_rows: batch_rows.max(1),
            name,
            records: Records::default(),
            header_read: false,
        }
    }

    /// Removes the header from the records.
    fn take_header(&mut self) -> Result<()> {
        if self.header_read || self.records.is_empty() {
            return Ok(());
        }
        self.check_length(0)?;
        self.records.clear();
        self.header_read = true;
        self.splitter.keep_blank_lines = self.schema.fields().len() == 1;
        Ok(())
    }

    fn check_length(&self, record: usize) -> Result<()> {
        let (fields, columns) = (self.records.field_count(record), self.schema.fields().len());
        if fields == columns {
            return Ok(());
        }
        let line = self.records.line(record);
        let dialect = self.reading.dialect;
        Err(uneven_record(&self.name, line, fields, columns, dialect))
    }
}

impl BatchDecoder for CsvDecoder {
    fn decode(&mut self, bytes: &[u8]) -> Result<usize> {
        if !self.header_read {
            let read = self.splitter.split(bytes, &mut self.records, |_| true);
            self.take_header()?;
            return Ok(read);
        }
        let rows = self.batch_rows;
        let is_full =
            |records: &Records| records.len() >= rows || records.text.len() >= MAX_BATCH_BYTES;
        Ok(self.splitter.split(bytes, &mut self.records, is_full))
    }

    fn is_full(&self) -> bool {
        let rows = self.records.len();
        let enough = rows >= self.batch_rows || self.records.text.len() >= MAX_BATCH_BYTES;
        enough && rows > 0 && !self.splitter.is_in_record()
    }

    fn finish(&mut self) -> Result<()> {
        if let Some(line) = self.splitter.finish(&mut self.records) {
            return Err(open_quote(&self.name, line));
        }
        self.take_header()
    }

    fn flush(&mut self) -> Result<Option<RecordBatch>> {
        if self.records.is_empty() {
            return Ok(None);
        }
        for record in 0..self.records.len() {
            self.check_length(record)?;
        }
        let text = std::str::from_utf8(&self.records.text).ok();
        let columns = self
            .projection
            .iter()
            .map(|position| {
                let column = FieldColumn {
                    records: &self.records,
                    text,
                    position: *position,
                    field: self.schema.field(*position),
                    decimal_comma: self.reading.decimal_commas.contains(position),
                    name: &self.name,
                };
                column.array()
            })
            .collect::<Result<Vec<_>>>()?;
        let schema = Arc::new(self.schema.project(&self.projection)?);
        let options = RecordBatchOptions::new().with_row_count(Some(self.records.len()));
        let batch = RecordBatch::try_new_with_options(schema, columns, &options)?;
        self.records.clear();
        Ok(Some(batch))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{DataType, Field, Float64Type, Schema};

    use super::*;

    fn decoder(fields: Vec<Field>, decimal_commas: Vec<usize>) -> CsvDecoder {
        let reading = CsvReading {
            dialect: Dialect {
                delimiter: b';',
                escape: None,
            },
            decimal_commas,
        };
        let projection = (0..fields.len()).collect();
        let schema = Arc::new(Schema::new(fields));
        CsvDecoder::new(reading, schema, projection, 2, "x.csv".to_string())
    }

    fn read(decoder: &mut CsvDecoder, text: &str) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        let mut left = text.as_bytes();
        while !left.is_empty() {
            let read = decoder.decode(left)?;
            left = &left[read..];
            if decoder.is_full() {
                batches.extend(decoder.flush()?);
            }
        }
        decoder.finish()?;
        batches.extend(decoder.flush()?);
        Ok(batches)
    }

    #[test]
    fn quotes_tell_the_empty_text_from_null() {
        let mut decoder = decoder(
            vec![
                Field::new("t", DataType::Utf8, true),
                Field::new("n", DataType::Float64, true),
            ],
            vec![1],
        );
        let batches = read(&mut decoder, "t;n\r\n\"\";1,5\r\n;\"\"\r\nx;\"-2\"\n").unwrap();
        let rows: Vec<usize> = batches.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [2, 1]);
        let texts = batches[0].column(0).as_string::<i32>();
        assert!(texts.is_valid(0) && texts.value(0).is_empty() && texts.is_null(1));
        let numbers = batches[0].column(1).as_primitive::<Float64Type>();
        assert!(numbers.value(0) == 1.5 && numbers.is_null(1));
    }

    #[test]
    fn a_character_split_by_a_delimiter_is_a_fault() {
        let fields = ["a", "b"].map(|name| Field::new(name, DataType::Utf8, true));
        let mut decoder = decoder(fields.to_vec(), Vec::new());
        let mut left: &[u8] = b"a;b\n\xc3;\xa4\n";
        while !left.is_empty() {
            left = &left[decoder.decode(left).unwrap()..];
        }
        let error = decoder.flush().unwrap_err();
        assert!(error.message.contains("line 2, column 'a'"), "{error}");
    }

    #[test]
    fn a_field_may_be_longer_than_a_batch() {
        let mut decoder = decoder(vec![Field::new("t", DataType::Utf8, true)], Vec::new());
        let long = "x".repeat(MAX_BATCH_BYTES + 1);
        let text = format!("t\na\n\"{long}\"\n{long}\nb\n");
        let mut batches = Vec::new();
        for piece in text.as_bytes().chunks(1 << 20) {
            let mut left = piece;
            while !left.is_empty() {
                let read = decoder.decode(left).unwrap();
                left = &left[read..];
                if decoder.is_full() {
                    batches.push(decoder.flush().unwrap().unwrap());
                }
            }
        }
        decoder.finish().unwrap();
        batches.extend(decoder.flush().unwrap());
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 4);
    }

    #[test]
    fn a_blank_line_of_one_column_is_null() {
        let mut decoder = decoder(vec![Field::new("t", DataType::Utf8, true)], Vec::new());
        let batches = read(&mut decoder, "\nt\na\n\n\"\"\n").unwrap();
        let nulls: usize = batches
            .iter()
            .map(|batch| batch.column(0).null_count())
            .sum();
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        assert_eq!((rows, nulls), (3, 1));
    }

    #[test]
    fn faults_name_file_line_and_column() {
        let fields = || {
            vec![
                Field::new("a", DataType::Int64, true),
                Field::new("b", DataType::Utf8, true),
            ]
        };
        for (text, parts) in [
            (
                "a;b\n1;x\n1.5;y\n",
                ["line 3", "column 'a'", "'1.5' is not an integer"],
            ),
            ("a;b\n1;\"x\n\n\"\n7;8;9\n", ["line 5", "3 fields", "2"]),
            ("a;b\n1;\"x\n", ["line 2", "quote", "never closed"]),
            ("a\n1;x\n", ["line 1", "1 field", "2"]),
        ] {
            let error = read(&mut decoder(fields(), Vec::new()), text).unwrap_err();
            for part in parts.iter().chain(&["'x.csv'"]) {
                assert!(error.message.contains(part), "{text:?}: {part} in {error}");
            }
        }
    }
}
