//! Comma- and tab-separated values.

use std::io::Write;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::json::nested;
use super::value::Cells;
use super::{ResultWriter, Style};
use crate::error::Result;

pub struct Delimited<'a> {
    schema: SchemaRef,
    /// The header is still to be written.
    header: bool,
    separator: u8,
    escape: fn(&str) -> String,
    out: &'a mut dyn Write,
}

impl<'a> Delimited<'a> {
    /// RFC 4180: quotes where a value needs them. NULL is nothing, an empty
    /// text is `""`.
    pub fn csv(schema: SchemaRef, style: &Style, out: &'a mut dyn Write) -> Self {
        Self { schema, header: style.header, separator: b',', escape: quoted, out }
    }

    /// Tabs and line ends inside values are written `\t`, `\n`.
    pub fn tsv(schema: SchemaRef, style: &Style, out: &'a mut dyn Write) -> Self {
        Self { schema, header: style.header, separator: b'\t', escape: escaped, out }
    }

    fn line(&mut self, cells: impl Iterator<Item = Option<String>>) -> Result<()> {
        let mut line = Vec::new();
        for (column, cell) in cells.enumerate() {
            if column > 0 {
                line.push(self.separator);
            }
            if let Some(cell) = cell {
                line.extend_from_slice((self.escape)(&cell).as_bytes());
            }
        }
        line.push(b'\n');
        self.out.write_all(&line)?;
        Ok(())
    }

    fn head(&mut self) -> Result<()> {
        if std::mem::take(&mut self.header) {
            let names: Vec<_> = self.schema.fields().iter().map(|f| Some(f.name().clone())).collect();
            self.line(names.into_iter())?;
        }
        Ok(())
    }
}

impl ResultWriter for Delimited<'_> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        self.head()?;
        // Lists and structs become JSON, which other programs can read back.
        let columns: Vec<_> = batch
            .columns()
            .iter()
            .map(|column| if column.data_type().is_nested() { nested(column).map(Some) } else { Ok(None) })
            .collect::<Result<_>>()?;
        let plain = batch.columns().iter().map(Cells::full).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            let cells: Vec<Option<String>> = columns
                .iter()
                .zip(&plain)
                .map(|(nested, plain)| match nested {
                    Some(texts) => texts[row].clone(),
                    None => plain.get(row),
                })
                .collect();
            self.line(cells.into_iter())?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<()> {
        self.head()
    }
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.contains(['"', ',', '\n', '\r'])
        && text.trim().len() == text.len();
    if plain { text.to_string() } else { format!("\"{}\"", text.replace('"', "\"\"")) }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, StringArray};

    use super::super::{Format, rendered};
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
        let text = rendered(&batch(), &Style { format: Format::Csv, ..Style::default() });
        assert_eq!(text, "n,text\n1,\"a,\"\"b\"\"\nc\td\"\n2,\n3,\"\"\n");
    }

    #[test]
    fn tsv_keeps_one_line_a_row() {
        let style = Style { format: Format::Tsv, header: false, ..Style::default() };
        assert_eq!(rendered(&batch(), &style), "1\ta,\"b\"\\nc\\td\n2\t\n3\t\n");
    }

    #[test]
    fn zero_rows_have_a_header() {
        let style = Style { format: Format::Csv, ..Style::default() };
        assert_eq!(rendered(&batch().slice(0, 0), &style), "n,text\n");
    }
}
