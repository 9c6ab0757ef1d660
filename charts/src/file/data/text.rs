//! Texts of values in a chart file.

use arrow::array::ArrayRef;

use super::super::text::shortened;
use crate::data::{Axis, format_number, group_digits, group_long_digits};
use crate::error::Result;
use crate::value::Cells;

/// Longest text of a tooltip and of a category, in characters.
pub const MAX_TEXT_CHARS: usize = 200;

/// The text of a value that may be a year: digits of long numbers are grouped,
/// times are dates.
pub fn value_text(axis: Axis, value: f64) -> String {
    match axis {
        Axis::Numbers => group_long_digits(&format_number(value)),
        Axis::Times(_) => axis.text(value),
    }
}

/// The text of a count or a measure: digits are grouped.
pub fn amount_text(axis: Axis, value: f64) -> String {
    match axis {
        Axis::Numbers => {
            let text = format_number(value);
            if text.contains('e') {
                text
            } else {
                group_digits(&text)
            }
        }
        Axis::Times(_) => axis.text(value),
    }
}

/// A label without the midnight of a day.
pub fn label_text(label: &str) -> String {
    let day = label
        .strip_suffix('Z')
        .unwrap_or(label)
        .strip_suffix("T00:00:00")
        .filter(|day| day.len() >= 10 && day.bytes().all(|b| b.is_ascii_digit() || b == b'-'));
    shortened(day.unwrap_or(label), MAX_TEXT_CHARS)
}

/// The texts of some rows of a column; digits of long integers are grouped.
pub fn row_texts(array: &ArrayRef, rows: &[usize]) -> Result<Vec<String>> {
    let cells = Cells::of(array)?;
    let whole = array.data_type().is_integer();
    let float = array.data_type().is_floating();
    let text = |row: &usize| match cells.short(*row) {
        None => "NULL".to_string(),
        Some(text) if whole => group_long_digits(&text),
        Some(text) if float => text.parse().map_or_else(
            |_| text.clone(),
            |value| group_long_digits(&format_number(value)),
        ),
        Some(text) => shortened(&text, MAX_TEXT_CHARS),
    };
    Ok(rows.iter().map(text).collect())
}
