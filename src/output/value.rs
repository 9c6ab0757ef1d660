//! One value as text.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Values of a vector that a table shows before it says how many there are.
const SHOWN_OF_VECTOR: usize = 3;

/// A list of floats longer than this is shown as a vector.
const LONG_VECTOR: usize = 8;

/// Reads the cells of one column as text.
pub struct Cells<'a> {
    array: &'a ArrayRef,
    formatter: ArrayFormatter<'a>,
    abbreviate: bool,
}

impl<'a> Cells<'a> {
    /// Cells in full.
    pub fn full(array: &'a ArrayRef) -> Result<Self, ArrowError> {
        Self::new(array, false)
    }

    /// Cells for a person to read: long vectors are abbreviated.
    pub fn short(array: &'a ArrayRef) -> Result<Self, ArrowError> {
        Self::new(array, true)
    }

    fn new(array: &'a ArrayRef, abbreviate: bool) -> Result<Self, ArrowError> {
        const OPTIONS: FormatOptions<'static> = FormatOptions::new().with_display_error(true);
        Ok(Self {
            array,
            formatter: ArrayFormatter::try_new(array.as_ref(), &OPTIONS)?,
            abbreviate,
        })
    }

    /// The text of a row; `None` for NULL.
    pub fn get(&self, row: usize) -> Option<String> {
        if self.array.is_null(row) || *self.array.data_type() == DataType::Null {
            return None;
        }
        if self.abbreviate
            && let Some(short) = vector(self.array, row)
        {
            return Some(short);
        }
        Some(self.formatter.value(row).to_string())
    }
}

/// `[0.0123, -0.04, 0.2, … 384 floats]`, for a long list of floats.
fn vector(array: &ArrayRef, row: usize) -> Option<String> {
    let values = match array.data_type() {
        DataType::FixedSizeList(_, _) => array.as_fixed_size_list().value(row),
        DataType::List(_) => array.as_list::<i32>().value(row),
        DataType::LargeList(_) => array.as_list::<i64>().value(row),
        _ => return None,
    };
    if values.len() <= LONG_VECTOR {
        return None;
    }
    let shown: Vec<String> = match values.data_type() {
        DataType::Float32 => {
            let values = values.as_primitive::<Float32Type>();
            values.iter().take(SHOWN_OF_VECTOR).map(|v| number(v.map(f64::from))).collect()
        }
        DataType::Float64 => {
            let values = values.as_primitive::<Float64Type>();
            values.iter().take(SHOWN_OF_VECTOR).map(number).collect()
        }
        _ => return None,
    };
    Some(format!("[{}, … {} floats]", shown.join(", "), values.len()))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "NULL".to_string(), |v| format!("{v:.4}"))
}

/// Whether values of this type stand on the right of their column.
pub fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// `text` on one line, with nothing that moves the cursor.
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            // Right-to-left overrides and the like could show another text than there is.
            c if c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c) => {
                line.push_str(&format!("\\u{{{:x}}}", c as u32));
            }
            c => line.push(c),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{FixedSizeListArray, Float32Array};
    use arrow::datatypes::Field;

    use super::*;

    #[test]
    fn long_vectors_are_abbreviated_for_people_only() {
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        let values = Arc::new(Float32Array::from_iter_values((0..16).map(|i| i as f32 / 10.0)));
        let array: ArrayRef = Arc::new(FixedSizeListArray::new(item, 16, values, None));
        let short = Cells::short(&array).unwrap().get(0).unwrap();
        assert_eq!(short, "[0.0000, 0.1000, 0.2000, … 16 floats]");
        assert!(Cells::full(&array).unwrap().get(0).unwrap().ends_with("1.5]"));
    }

    #[test]
    fn nothing_in_a_cell_moves_the_cursor() {
        assert_eq!(one_line("a\nb\t\u{1b}[31mc\u{202e}"), "a\\nb\\t\\u{1b}[31mc\\u{202e}");
    }
}
