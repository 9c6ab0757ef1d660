//! Messages about faults in delimited text, each with its file and line.

use super::dialect::Dialect;
use crate::error::ShellError;

/// Maximum number of characters of a value in a message.
const MAX_SHOWN_CHARACTERS: usize = 40;

/// Error for a record with another number of fields than the header.
pub fn uneven_record(
    name: &str,
    line: usize,
    fields: usize,
    columns: usize,
    dialect: Dialect,
) -> ShellError {
    ShellError::query(format!(
        "'{name}' line {line}: {} where the header has {columns} (delimiter {}); correct the line, \
         or load it with CREATE EXTERNAL TABLE ... OPTIONS ('format.truncated_rows' 'true') \
         if fields are missing at the end",
        field_count(fields),
        dialect.shown_delimiter()
    ))
}

/// Error for a quoted field without an end.
pub fn open_quote(name: &str, line: usize) -> ShellError {
    ShellError::query(format!(
        "'{name}' line {line}: a field starts with a quote that is never closed"
    ))
}

/// Error for a field that is not UTF-8.
pub fn not_utf8(name: &str, line: usize, column: &str) -> ShellError {
    ShellError::query(format!(
        "'{name}' line {line}, column '{column}': the text is not valid UTF-8; \
         convert it with, for instance: iconv -f WINDOWS-1252 -t UTF-8"
    ))
}

/// Error for a value that does not have the type of its column.
pub fn wrong_type(
    name: &str,
    line: usize,
    column: &str,
    value: &str,
    expected: &str,
) -> ShellError {
    let mut shown: String = value.chars().take(MAX_SHOWN_CHARACTERS).collect();
    if shown.len() < value.len() {
        shown.push_str("...");
    }
    ShellError::query(format!(
        "'{name}' line {line}, column '{column}': '{shown}' is not {expected}, as the values \
         before it are; correct the value, or state the column types with CREATE EXTERNAL TABLE"
    ))
}

/// Error for records that no column of text holds.
pub fn too_long(name: &str, line: usize) -> ShellError {
    ShellError::query(format!(
        "'{name}' line {line}: a record is longer than 2 GB; a quote may be missing"
    ))
}

/// Number of fields for messages.
pub fn field_count(fields: usize) -> String {
    format!("{fields} field{}", if fields == 1 { "" } else { "s" })
}
