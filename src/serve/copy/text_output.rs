//! Rows of COPY in text and CSV.

use bytes::{BufMut, BytesMut};

use crate::serve::values::RowEncoder;
use crate::statement::copy_format::{CopyFormat, CopyKind};

/// Writes rows as lines.
pub struct LineWriter<'a> {
    format: &'a CopyFormat,
    /// Whether the values of a column are always quoted.
    quoted: Vec<bool>,
    value: BytesMut,
}

impl<'a> LineWriter<'a> {
    pub fn new(format: &'a CopyFormat, columns: &[&str]) -> Self {
        let is_quoted = |column: &&str| format.force_quote.iter().any(|name| name == column);
        Self {
            format,
            quoted: columns.iter().map(is_quoted).collect(),
            value: BytesMut::new(),
        }
    }

    /// Writes the names of the columns.
    pub fn header(&mut self, columns: &[&str]) -> BytesMut {
        let mut line = BytesMut::new();
        for (at, name) in columns.iter().enumerate() {
            self.delimit(at, &mut line);
            self.value.clear();
            self.value.put_slice(name.as_bytes());
            self.write_value(false, columns.len(), &mut line);
        }
        line.put_u8(b'\n');
        line
    }

    pub fn row(&mut self, rows: &RowEncoder, row: usize) -> BytesMut {
        let mut line = BytesMut::new();
        let columns = rows.column_count();
        for at in 0..columns {
            self.delimit(at, &mut line);
            self.value.clear();
            match rows.write_text(at, row, &mut self.value) {
                true => self.write_value(self.quoted[at], columns, &mut line),
                false => line.put_slice(self.format.null.as_bytes()),
            }
        }
        line.put_u8(b'\n');
        line
    }

    fn delimit(&self, at: usize, line: &mut BytesMut) {
        if at > 0 {
            line.put_u8(self.format.delimiter);
        }
    }

    fn write_value(&self, quoted: bool, columns: usize, line: &mut BytesMut) {
        match self.format.kind {
            CopyKind::Csv => self.write_csv(quoted, columns, line),
            CopyKind::Text | CopyKind::Binary => self.write_escaped(line),
        }
    }

    fn write_escaped(&self, line: &mut BytesMut) {
        for byte in &self.value {
            let letter = match byte {
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x0b => b'v',
                b'\\' => b'\\',
                byte if *byte == self.format.delimiter => *byte,
                byte => {
                    line.put_u8(*byte);
                    continue;
                }
            };
            line.put_u8(b'\\');
            line.put_u8(letter);
        }
    }

    fn write_csv(&self, quoted: bool, columns: usize, line: &mut BytesMut) {
        let CopyFormat {
            delimiter,
            quote,
            escape,
            ref null,
            ..
        } = *self.format;
        let value = &self.value[..];
        let needs_quotes = quoted
            // A text that would read as NULL, or as the end of the rows.
            || value == null.as_bytes()
            || columns == 1 && value == b"\\."
            || value
                .iter()
                .any(|byte| [delimiter, quote, b'\n', b'\r'].contains(byte));
        if !needs_quotes {
            line.put_slice(value);
            return;
        }
        line.put_u8(quote);
        for byte in value {
            if *byte == quote || *byte == escape {
                line.put_u8(escape);
            }
            line.put_u8(*byte);
        }
        line.put_u8(quote);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    use std::sync::Arc;

    fn format(kind: CopyKind) -> CopyFormat {
        let is_csv = kind == CopyKind::Csv;
        CopyFormat {
            kind,
            header: false,
            delimiter: if is_csv { b',' } else { b'\t' },
            null: if is_csv {
                String::new()
            } else {
                "\\N".to_string()
            },
            quote: b'"',
            escape: b'"',
            force_quote: vec!["forced".to_string()],
            force_not_null: Vec::new(),
            force_null: Vec::new(),
        }
    }

    fn lines(format: &CopyFormat, column: &str, values: Vec<Option<&str>>) -> Vec<String> {
        let texts: ArrayRef = Arc::new(StringArray::from(values.clone()));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![None; values.len()]));
        let batch = RecordBatch::try_from_iter([(column, texts), ("n", numbers)]).unwrap();
        let rows = RowEncoder::new(&batch).unwrap();
        let mut writer = LineWriter::new(format, &[column, "n"]);
        (0..rows.rows())
            .map(|row| String::from_utf8(writer.row(&rows, row).to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn text_escapes_what_would_end_a_value() {
        let values = vec![Some("a\tb\\c\n"), None, Some("")];
        assert_eq!(
            lines(&format(CopyKind::Text), "a", values),
            ["a\\tb\\\\c\\n\t\\N\n", "\\N\t\\N\n", "\t\\N\n"]
        );
    }

    #[test]
    fn csv_tells_empty_text_from_null() {
        let values = vec![Some("a,b"), Some("c\"d"), Some(""), None, Some("e")];
        assert_eq!(
            lines(&format(CopyKind::Csv), "a", values.clone()),
            ["\"a,b\",\n", "\"c\"\"d\",\n", "\"\",\n", ",\n", "e,\n"]
        );
        let forced = lines(&format(CopyKind::Csv), "forced", values);
        assert_eq!(forced[4], "\"e\",\n");
    }

    #[test]
    fn headers_are_quoted_if_necessary() {
        let format = format(CopyKind::Csv);
        let names = ["a", "b,c", "d\"e"];
        let line = LineWriter::new(&format, &names).header(&names);
        assert_eq!(line.as_ref(), b"a,\"b,c\",\"d\"\"e\"\n");
    }
}
