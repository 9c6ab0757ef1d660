//! Comma- and tab-separated values.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::json::nested_as_json;
use super::style::Style;
use super::target::ResultWriter;
use super::value::Cells;
use crate::error::Result;

/// Bytes of text from which a batch is written in parts.
const MAX_BUFFERED_BYTES: usize = 64 << 10;

/// Writer of CSV and TSV.
pub struct DelimitedWriter<'a> {
    schema: SchemaRef,
    /// Whether the header is not yet written.
    header_pending: bool,
    separator: char,
    /// Appends a value to a line.
    escape: fn(&str, &mut String),
    out: &'a mut dyn Write,
}

impl<'a> DelimitedWriter<'a> {
    /// CSV by RFC 4180, with quotes only around values that need them. NULL is an
    /// empty field, an empty text is `""`.
    pub fn csv(schema: SchemaRef, style: &Style, out: &'a mut dyn Write) -> Self {
        Self {
            schema,
            header_pending: style.header,
            separator: ',',
            escape: push_quoted,
            out,
        }
    }

    /// TSV: tabs and line ends inside values are written as `\t` and `\n`, a
    /// backslash is doubled.
    pub fn tsv(schema: SchemaRef, style: &Style, out: &'a mut dyn Write) -> Self {
        Self {
            schema,
            header_pending: style.header,
            separator: '\t',
            escape: push_escaped,
            out,
        }
    }

    fn write_header(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.header_pending) {
            return Ok(());
        }
        let mut line = String::new();
        for (column, field) in self.schema.fields().iter().enumerate() {
            if column > 0 {
                line.push(self.separator);
            }
            (self.escape)(field.name(), &mut line);
        }
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        Ok(())
    }
}

/// Values of a column in one batch.
enum ColumnValues<'a> {
    Plain(Cells<'a>),
    /// Lists and structs as JSON, which other programs can parse.
    Nested(Vec<Option<String>>),
}

impl ResultWriter for DelimitedWriter<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.write_header()?;
        let columns = batch
            .columns()
            .iter()
            .map(|column| {
                Ok(if column.data_type().is_nested() {
                    ColumnValues::Nested(nested_as_json(column)?)
                } else {
                    ColumnValues::Plain(Cells::of(column)?)
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let (mut text, mut value) = (String::new(), String::new());
        for row in 0..batch.num_rows() {
            for (number, column) in columns.iter().enumerate() {
                if number > 0 {
                    text.push(self.separator);
                }
                match column {
                    ColumnValues::Plain(cells) if cells.is_null(row) => {}
                    ColumnValues::Plain(cells) => {
                        value.clear();
                        cells.write(row, &mut value)?;
                        (self.escape)(&value, &mut text);
                    }
                    ColumnValues::Nested(texts) => {
                        if let Some(json) = &texts[row] {
                            (self.escape)(json, &mut text);
                        }
                    }
                }
            }
            text.push('\n');
            if text.len() >= MAX_BUFFERED_BYTES {
                self.out.write_all(text.as_bytes())?;
                text.clear();
            }
        }
        self.out.write_all(text.as_bytes())?;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.write_header()
    }
}

fn push_quoted(value: &str, line: &mut String) {
    // Some readers trim values without quotes.
    let plain = !value.is_empty()
        && !value.contains(['"', ',', '\n', '\r'])
        && value.trim().len() == value.len();
    if plain {
        line.push_str(value);
        return;
    }
    line.push('"');
    for (part, text) in value.split('"').enumerate() {
        if part > 0 {
            line.push_str("\"\"");
        }
        line.push_str(text);
    }
    line.push('"');
}

fn push_escaped(value: &str, line: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\t' => line.push_str("\\t"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            c => line.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, ListArray, StringArray, TimestampSecondArray};
    use arrow::datatypes::Int32Type;

    use super::super::dispatch::writer;
    use super::super::format::OutputFormat;
    use super::super::testing::rendered;
    use super::*;

    fn batch() -> RecordBatch {
        let texts = StringArray::from(vec![Some("a,\"b\"\nc\td"), None, Some("")]);
        RecordBatch::try_from_iter([
            ("n", Arc::new(Int64Array::from(vec![1, 2, 3])) as _),
            ("text", Arc::new(texts) as _),
        ])
        .unwrap()
    }

    #[test]
    fn csv_quotes_only_where_needed_and_distinguishes_null_from_empty() {
        let text = rendered(
            &batch(),
            &Style {
                format: OutputFormat::Csv,
                ..Style::default()
            },
        );
        assert_eq!(text, "n,text\n1,\"a,\"\"b\"\"\nc\td\"\n2,\n3,\"\"\n");
    }

    #[test]
    fn tsv_keeps_one_line_a_row() {
        let style = Style {
            format: OutputFormat::Tsv,
            header: false,
            ..Style::default()
        };
        assert_eq!(rendered(&batch(), &style), "1\ta,\"b\"\\nc\\td\n2\t\n3\t\n");
    }

    #[test]
    fn zero_rows_have_a_header() {
        let style = Style {
            format: OutputFormat::Csv,
            ..Style::default()
        };
        assert_eq!(rendered(&batch().slice(0, 0), &style), "n,text\n");
    }

    #[test]
    fn nested_values_are_json_that_a_csv_reader_restores() {
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), None, Some(3)]),
            None,
        ]);
        let batch = RecordBatch::try_from_iter([("list", Arc::new(lists) as _)]).unwrap();
        let csv = rendered(
            &batch,
            &Style {
                format: OutputFormat::Csv,
                ..Style::default()
            },
        );
        assert_eq!(csv, "list\n\"[1,null,3]\"\n\n");
        let tsv = rendered(
            &batch,
            &Style {
                format: OutputFormat::Tsv,
                ..Style::default()
            },
        );
        assert_eq!(tsv, "list\n[1,null,3]\n\n");
    }

    #[test]
    fn a_value_without_text_is_an_error() {
        let times = TimestampSecondArray::from(vec![i64::MAX]);
        let batch = RecordBatch::try_from_iter([("at", Arc::new(times) as _)]).unwrap();
        let mut out = Vec::new();
        let style = Style {
            format: OutputFormat::Csv,
            ..Style::default()
        };
        let mut writer = writer(batch.schema(), &style, &mut out);
        assert!(writer.batch(&batch).is_err());
    }
}
