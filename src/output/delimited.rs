//! Comma- and tab-separated values.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::json::nested;
use super::value::Cells;
use super::{ResultWriter, Style};
use crate::error::Result;

/// Bytes gathered before they are written.
const GATHERED: usize = 64 << 10;

pub struct Delimited<'a> {
    schema: SchemaRef,
    /// The header is still to be written.
    header: bool,
    separator: char,
    /// Appends a value to a line.
    escape: fn(&str, &mut String),
    out: &'a mut dyn Write,
}

impl<'a> Delimited<'a> {
    /// RFC 4180: quotes where a value needs them. NULL is nothing, an empty
    /// text is `""`.
    pub fn csv(schema: SchemaRef, style: &Style, out: &'a mut dyn Write) -> Self {
        Self {
            schema,
            header: style.header,
            separator: ',',
            escape: quoted,
            out,
        }
    }

    /// Tabs and line ends inside values are written `\t`, `\n`; a backslash
    /// is doubled.
    pub fn tsv(schema: SchemaRef, style: &Style, out: &'a mut dyn Write) -> Self {
        Self {
            schema,
            header: style.header,
            separator: '\t',
            escape: escaped,
            out,
        }
    }

    fn head(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.header) {
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

/// The values of a column in one batch.
enum Column<'a> {
    Plain(Cells<'a>),
    /// Lists and structs become JSON, which other programs can read back.
    Nested(Vec<Option<String>>),
}

impl ResultWriter for Delimited<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.head()?;
        let columns = batch
            .columns()
            .iter()
            .map(|column| {
                Ok(if column.data_type().is_nested() {
                    Column::Nested(nested(column)?)
                } else {
                    Column::Plain(Cells::of(column)?)
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
                    Column::Plain(cells) if cells.is_null(row) => {}
                    Column::Plain(cells) => {
                        value.clear();
                        cells.write(row, &mut value)?;
                        (self.escape)(&value, &mut text);
                    }
                    Column::Nested(texts) => {
                        if let Some(json) = &texts[row] {
                            (self.escape)(json, &mut text);
                        }
                    }
                }
            }
            text.push('\n');
            if text.len() >= GATHERED {
                self.out.write_all(text.as_bytes())?;
                text.clear();
            }
        }
        self.out.write_all(text.as_bytes())?;
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.head()
    }
}

fn quoted(value: &str, line: &mut String) {
    // Some readers trim what is not quoted.
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

fn escaped(value: &str, line: &mut String) {
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

    use super::super::{Format, rendered, writer};
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
    fn csv_quotes_what_needs_it_and_tells_null_from_empty() {
        let text = rendered(
            &batch(),
            &Style {
                format: Format::Csv,
                ..Style::default()
            },
        );
        assert_eq!(text, "n,text\n1,\"a,\"\"b\"\"\nc\td\"\n2,\n3,\"\"\n");
    }

    #[test]
    fn tsv_keeps_one_line_a_row() {
        let style = Style {
            format: Format::Tsv,
            header: false,
            ..Style::default()
        };
        assert_eq!(rendered(&batch(), &style), "1\ta,\"b\"\\nc\\td\n2\t\n3\t\n");
    }

    #[test]
    fn zero_rows_have_a_header() {
        let style = Style {
            format: Format::Csv,
            ..Style::default()
        };
        assert_eq!(rendered(&batch().slice(0, 0), &style), "n,text\n");
    }

    #[test]
    fn nested_values_are_json_that_a_csv_reader_gives_back() {
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([
            Some(vec![Some(1), None, Some(3)]),
            None,
        ]);
        let batch = RecordBatch::try_from_iter([("list", Arc::new(lists) as _)]).unwrap();
        let csv = rendered(
            &batch,
            &Style {
                format: Format::Csv,
                ..Style::default()
            },
        );
        assert_eq!(csv, "list\n\"[1,null,3]\"\n\n");
        let tsv = rendered(
            &batch,
            &Style {
                format: Format::Tsv,
                ..Style::default()
            },
        );
        assert_eq!(tsv, "list\n[1,null,3]\n\n");
    }

    #[test]
    fn a_value_that_has_no_text_is_an_error_and_not_data() {
        let times = TimestampSecondArray::from(vec![i64::MAX]);
        let batch = RecordBatch::try_from_iter([("at", Arc::new(times) as _)]).unwrap();
        let mut out = Vec::new();
        let style = Style {
            format: Format::Csv,
            ..Style::default()
        };
        let mut writer = writer(batch.schema(), &style, &mut out);
        assert!(writer.batch(&batch).is_err());
    }
}
