//! Values of columns as text.

use std::fmt::Write;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Values of a long vector that [`Cells::short`] shows before the number of all.
const SHOWN_VECTOR_VALUES: usize = 3;

/// Longest list of floats that is shown whole.
const MAX_WHOLE_VECTOR: usize = 8;

/// Cells of one column as text.
pub struct Cells<'a> {
    array: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
    /// Logical nulls: dictionaries and runs store theirs with the values.
    nulls: Option<NullBuffer>,
}

impl<'a> Cells<'a> {
    /// # Errors
    /// If values of this type have no text.
    pub fn of(array: &'a ArrayRef) -> Result<Self, ArrowError> {
        const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(true);
        Ok(Self {
            array,
            formatter: ArrayFormatter::try_new(array.as_ref(), &OPTIONS)?,
            nulls: array.logical_nulls(),
        })
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Appends the text of a row to `text`; nothing for NULL.
    ///
    /// # Errors
    /// A value outside the range of its text, such as a timestamp in the year
    /// 300,000. A program must not read a message in place of a value.
    pub fn write(&self, row: usize, text: &mut String) -> Result<(), ArrowError> {
        if self.is_null(row) {
            return Ok(());
        }
        self.formatter.value(row).write(text)
    }

    /// The text of a row for display: long vectors are abbreviated, and an error
    /// message stands for a value without a text. `None` for NULL.
    pub fn short(&self, row: usize) -> Option<String> {
        if self.is_null(row) {
            return None;
        }
        let abbreviated = vector(self.array, row);
        Some(abbreviated.unwrap_or_else(|| self.formatter.value(row).to_string()))
    }
}

/// A long list of floats as `[0.0123, -0.0400, 0.2000, … 384 floats]`.
fn vector(array: &ArrayRef, row: usize) -> Option<String> {
    let values = match array.data_type() {
        DataType::FixedSizeList(_, _) => array.as_fixed_size_list().value(row),
        DataType::List(_) => array.as_list::<i32>().value(row),
        DataType::LargeList(_) => array.as_list::<i64>().value(row),
        _ => return None,
    };
    if values.len() <= MAX_WHOLE_VECTOR || !values.data_type().is_floating() {
        return None;
    }
    let first = cast(&values.slice(0, SHOWN_VECTOR_VALUES), &DataType::Float64).ok()?;
    let mut text = String::from("[");
    for value in first.as_primitive::<Float64Type>() {
        // Writing to a `String` cannot fail.
        let _ = match value {
            Some(value) => write!(text, "{value:.4}, "),
            None => write!(text, "NULL, "),
        };
    }
    let _ = write!(text, "… {} floats]", values.len());
    Some(text)
}

/// Whether values of this type are numbers, which columns align to the right.
pub fn is_number(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, value) => is_number(value),
        other => other.is_numeric(),
    }
}

/// `text` on one line, with control characters escaped.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if c.is_control() || changes_direction(c) => {
                line.push_str(&format!("\\u{{{:x}}}", c as u32));
            }
            c => line.push(c),
        }
    }
    line
}

/// Whether `c` changes the direction of a text, which can disguise its content.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` in at most `width` columns; an ellipsis replaces the rest.
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut short = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > width {
            break;
        }
        used += wide;
        short.push(c);
    }
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        DictionaryArray, FixedSizeListArray, Float32Array, Int32Array, StringArray,
        TimestampSecondArray,
    };
    use arrow::datatypes::Field;

    use super::*;

    fn text(array: &ArrayRef, row: usize) -> Result<String, ArrowError> {
        let mut text = String::new();
        Cells::of(array)?.write(row, &mut text)?;
        Ok(text)
    }

    #[test]
    fn only_short_texts_abbreviate_long_vectors() {
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let values = (0..32).map(|i| (i != 17).then_some(i as f32 / 10.0));
        let values = Arc::new(Float32Array::from_iter(values));
        let array: ArrayRef = Arc::new(FixedSizeListArray::new(item, 16, values, None));
        let cells = Cells::of(&array).unwrap();
        assert_eq!(
            cells.short(0).unwrap(),
            "[0.0000, 0.1000, 0.2000, … 16 floats]"
        );
        assert_eq!(
            cells.short(1).unwrap(),
            "[1.6000, NULL, 1.8000, … 16 floats]"
        );
        assert!(text(&array, 0).unwrap().ends_with("1.5]"));
    }

    #[test]
    fn a_null_among_the_values_of_a_dictionary_is_null() {
        let keys = Int32Array::from(vec![0, 1]);
        let values = Arc::new(StringArray::from(vec![Some("a"), None]));
        let array: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
        let cells = Cells::of(&array).unwrap();
        assert_eq!(
            (cells.short(0).as_deref(), cells.short(1)),
            (Some("a"), None)
        );
    }

    #[test]
    fn a_value_without_a_text_is_an_error_and_a_short_text() {
        let array: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MAX]));
        assert!(text(&array, 0).is_err());
        assert!(
            Cells::of(&array)
                .unwrap()
                .short(0)
                .unwrap()
                .starts_with("ERROR")
        );
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            one_line("a\nb\t\u{1b}[31mc\u{202e}"),
            "a\\nb\\t\\u{1b}[31mc\\u{202e}"
        );
    }

    #[test]
    fn cut_texts_count_wide_characters_twice() {
        assert_eq!(cut("tea", 3), "tea");
        assert_eq!(cut("teapot", 4), "tea…");
        assert_eq!(cut("日本茶", 5), "日本…");
        assert_eq!(cut("日本茶", 4), "日…");
        assert_eq!(cut("日本茶", 1), "…");
    }
}
