//! Comma- and tab-separated values.

use std::io::Write;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::buffer::NullBuffer;
use arrow::datatypes::SchemaRef;
use arrow::util::display::ArrayFormatter;

use super::delimited_dialect::DelimitedDialect;
use super::json::nested_as_json;
use super::member_names::check_field_names;
use super::target::ResultWriter;
use crate::error::Result;

/// Bytes of text from which a batch is written in parts.
const MAX_BUFFERED_BYTES: usize = 64 << 10;

/// Writer of delimited text.
pub struct DelimitedWriter<'a> {
    schema: SchemaRef,
    dialect: DelimitedDialect,
    /// Whether the header is not yet written.
    header_pending: bool,
    out: &'a mut dyn Write,
}

impl<'a> DelimitedWriter<'a> {
    pub fn new(schema: SchemaRef, dialect: DelimitedDialect, out: &'a mut dyn Write) -> Self {
        Self {
            schema,
            header_pending: dialect.header,
            dialect,
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
                line.push(self.dialect.delimiter);
            }
            self.dialect.push_value(field.name(), false, &mut line)?;
        }
        self.dialect.end_line(&mut line);
        self.out.write_all(line.as_bytes())?;
        Ok(())
    }
}

/// Values of a column in one batch.
struct ColumnTexts<'a> {
    values: TextSource<'a>,
    /// Logical nulls: dictionaries and runs store theirs with the values.
    nulls: Option<NullBuffer>,
    is_number: bool,
}

enum TextSource<'a> {
    Plain(ArrayFormatter<'a>),
    /// Lists, structs and maps as JSON, which other programs can parse.
    Nested(Vec<Option<String>>),
}

impl<'a> ColumnTexts<'a> {
    fn of(column: &'a ArrayRef, dialect: &'a DelimitedDialect) -> Result<Self> {
        let data_type = column.data_type();
        let values = if data_type.is_nested() {
            TextSource::Nested(nested_as_json(column)?)
        } else {
            let options = dialect.formats.options();
            TextSource::Plain(ArrayFormatter::try_new(column.as_ref(), &options)?)
        };
        Ok(Self {
            values,
            nulls: column.logical_nulls(),
            is_number: data_type.is_numeric(),
        })
    }

    /// Writes a value to `text`; `false` for NULL.
    ///
    /// # Errors
    /// A value outside the range of its text.
    fn write(&self, row: usize, text: &mut String) -> Result<bool> {
        text.clear();
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return Ok(false);
        }
        match &self.values {
            TextSource::Plain(formatter) => formatter.value(row).write(text)?,
            TextSource::Nested(texts) => match &texts[row] {
                Some(json) => text.push_str(json),
                None => return Ok(false),
            },
        }
        Ok(true)
    }
}

impl ResultWriter for DelimitedWriter<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        check_field_names(self.schema.fields())?;
        self.write_header()?;
        let columns = batch
            .columns()
            .iter()
            .map(|column| ColumnTexts::of(column, &self.dialect))
            .collect::<Result<Vec<_>>>()?;
        let (mut text, mut value) = (String::new(), String::new());
        for row in 0..batch.num_rows() {
            for (number, column) in columns.iter().enumerate() {
                if number > 0 {
                    text.push(self.dialect.delimiter);
                }
                if column.write(row, &mut value)? {
                    self.dialect
                        .push_value(&value, column.is_number, &mut text)?;
                } else {
                    text.push_str(&self.dialect.null);
                }
            }
            self.dialect.end_line(&mut text);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, ListArray, StringArray, TimestampSecondArray};
    use arrow::datatypes::Int32Type;

    use super::super::dispatch::writer;
    use super::super::format::OutputFormat;
    use super::super::style::Style;
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
