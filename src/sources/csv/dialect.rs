//! Dialects of delimited text.

use arrow::csv::reader::Format as CsvReader;

/// Delimiter and escape character of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub delimiter: u8,
    /// Set if quotes within quotes are written `\"` and not `""`.
    pub escape: Option<u8>,
}

impl Dialect {
    /// Reader of this dialect.
    pub fn reader(self) -> CsvReader {
        let reader = CsvReader::default()
            .with_delimiter(self.delimiter)
            .with_quote(b'"');
        match self.escape {
            Some(escape) => reader.with_escape(escape),
            None => reader,
        }
    }

    /// Delimiter for messages.
    pub fn shown_delimiter(self) -> String {
        match self.delimiter {
            b'\t' => "tab".to_string(),
            other => format!("'{}'", char::from(other)),
        }
    }
}
