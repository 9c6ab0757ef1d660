//! Texts of values of any type, as Postgres' casts to text write them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit,
    TimeUnit, TimestampMicrosecondType,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;

use super::array_text;
use super::number_text::{double_text, float_text};
use super::times::calendar::NANOS_PER_DAY;
use super::times::interval_text::{clock_text, interval_text};
use super::times::timestamp_text::{clock_time_text, date_text, instant_text, nanos_of};
use super::times::zones;

/// Texts of the rows of an array; `None` for NULL.
pub type RowTexts = Box<dyn Fn(usize) -> Result<Option<String>>>;

/// Writes the rows of an array as text. Instants are shown in `zone`.
///
/// # Errors
/// An unknown zone; what the engine cannot write.
pub fn row_texts(array: &ArrayRef, zone: &Arc<str>) -> Result<RowTexts> {
    let nulls = array.logical_nulls();
    let texts = texts_of_valid(array, zone)?;
    Ok(Box::new(move |row| {
        match nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            true => Ok(None),
            false => texts(row).map(Some),
        }
    }))
}

type ValidTexts = Box<dyn Fn(usize) -> Result<String>>;

fn texts_of_valid(array: &ArrayRef, zone: &Arc<str>) -> Result<ValidTexts> {
    Ok(match array.data_type() {
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().clone();
            Box::new(move |row| Ok(double_text(values.value(row))))
        }
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().clone();
            Box::new(move |row| Ok(float_text(values.value(row))))
        }
        DataType::Float16 => texts_of_valid(&cast(array, &DataType::Float32)?, zone)?,
        DataType::Date64 => texts_of_valid(&cast(array, &DataType::Date32)?, zone)?,
        DataType::Date32 => {
            let days = cast(array, &DataType::Int32)?;
            let days = cast(&days, &DataType::Int64)?;
            let days = days.as_primitive::<Int64Type>().clone();
            Box::new(move |row| {
                let (date, era) = date_text(days.value(row));
                Ok(format!("{date}{era}"))
            })
        }
        DataType::Timestamp(unit, zoned) => {
            let per_second = per_second(*unit);
            let values = cast(array, &DataType::Int64)?;
            let values = values.as_primitive::<Int64Type>().clone();
            match zoned {
                None => Box::new(move |row| {
                    Ok(clock_time_text(nanos_of(values.value(row), per_second)))
                }),
                Some(_) => {
                    let zone = zones::zone(zone)?;
                    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
                    let micros = cast(array, &micros)?;
                    let micros = micros.as_primitive::<TimestampMicrosecondType>().clone();
                    Box::new(move |row| {
                        let instant = micros.value(row);
                        let shift = zones::local_micros(instant, zone)? - instant;
                        let local =
                            nanos_of(values.value(row), per_second) + i128::from(shift) * 1000;
                        Ok(instant_text(local, shift / 1_000_000))
                    })
                }
            }
        }
        DataType::Time32(unit) | DataType::Time64(unit) => {
            let per_second = per_second(*unit);
            let values = match array.data_type() {
                DataType::Time32(_) => cast(&cast(array, &DataType::Int32)?, &DataType::Int64)?,
                _ => cast(array, &DataType::Int64)?,
            };
            let values = values.as_primitive::<Int64Type>().clone();
            Box::new(move |row| Ok(clock_text(nanos_of(values.value(row), per_second) as u64)))
        }
        DataType::Interval(_) => {
            let whole = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            let whole = whole.as_primitive::<IntervalMonthDayNanoType>().clone();
            Box::new(move |row| {
                let value = whole.value(row);
                Ok(interval_text(
                    i64::from(value.months),
                    i64::from(value.days),
                    value.nanoseconds,
                ))
            })
        }
        DataType::Duration(unit) => {
            let per_second = per_second(*unit);
            let values = cast(array, &DataType::Int64)?;
            let values = values.as_primitive::<Int64Type>().clone();
            Box::new(move |row| {
                let nanos = nanos_of(values.value(row), per_second);
                let day = NANOS_PER_DAY;
                Ok(interval_text(0, (nanos / day) as i64, (nanos % day) as i64))
            })
        }
        DataType::Binary
        | DataType::LargeBinary
        | DataType::FixedSizeBinary(_)
        | DataType::BinaryView => {
            let bytes = cast(array, &DataType::LargeBinary)?;
            let bytes = bytes.as_binary::<i64>().clone();
            Box::new(move |row| {
                let digits: String = bytes
                    .value(row)
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                Ok(format!("\\x{digits}"))
            })
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            lists(array, zone)
        }
        DataType::Struct(_) => structs(array, zone)?,
        DataType::Dictionary(_, values) => texts_of_valid(&cast(array, values)?, zone)?,
        _ => others(array),
    })
}

/// Texts that the engine writes.
fn others(array: &ArrayRef) -> ValidTexts {
    if let Ok(texts) = cast(array, &DataType::LargeUtf8) {
        let texts = texts.as_string::<i64>().clone();
        return Box::new(move |row| Ok(texts.value(row).to_string()));
    }
    let array = Arc::clone(array);
    Box::new(move |row| {
        let options = FormatOptions::new().with_display_error(false);
        let formatter = ArrayFormatter::try_new(array.as_ref(), &options)?;
        let text = formatter.value(row).try_to_string();
        text.map_err(|error| exec_datafusion_err!("cannot write a value as text: {error}"))
    })
}

/// Units of a second.
pub fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// The elements of a row of a list.
pub fn elements(array: &ArrayRef, row: usize) -> Option<ArrayRef> {
    match array.data_type() {
        DataType::List(_) => Some(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Some(array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(..) => Some(array.as_fixed_size_list().value(row)),
        _ => None,
    }
}

/// `{1,2}`.
fn lists(array: &ArrayRef, zone: &Arc<str>) -> ValidTexts {
    let (array, zone) = (Arc::clone(array), Arc::clone(zone));
    Box::new(move |row| {
        let Some(items) = elements(&array, row) else {
            return Ok(String::new());
        };
        let is_nested = is_list(items.data_type());
        let texts = nested_texts(&items, &zone)?;
        let mut out = "{".to_string();
        for item in 0..items.len() {
            if item > 0 {
                out.push(',');
            }
            match texts(item)? {
                None => out.push_str("NULL"),
                Some(text) if is_nested => out.push_str(&text),
                Some(text) => array_text::push_element(&mut out, &text),
            }
        }
        out.push('}');
        Ok(out)
    })
}

fn is_list(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
    )
}

/// `(1,"a b",)`.
fn structs(array: &ArrayRef, zone: &Arc<str>) -> Result<ValidTexts> {
    let columns = array.as_struct().columns().iter();
    let columns: Vec<RowTexts> = columns
        .map(|column| nested_texts(column, zone))
        .collect::<Result<_>>()?;
    Ok(Box::new(move |row| {
        let mut out = "(".to_string();
        for (at, texts) in columns.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            if let Some(text) = texts(row)? {
                push_field(&mut out, &text);
            }
        }
        out.push(')');
        Ok(out)
    }))
}

/// Appends a field of a row, quoted if it must be.
fn push_field(out: &mut String, text: &str) {
    let is_special = |ch: char| ch.is_whitespace() || matches!(ch, '(' | ')' | ',' | '"' | '\\');
    if !text.is_empty() && !text.contains(is_special) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for ch in text.chars() {
        if matches!(ch, '"' | '\\') {
            out.push(ch);
        }
        out.push(ch);
    }
    out.push('"');
}

/// Texts inside arrays and rows, where a boolean is one letter.
fn nested_texts(array: &ArrayRef, zone: &Arc<str>) -> Result<RowTexts> {
    if *array.data_type() != DataType::Boolean {
        return row_texts(array, zone);
    }
    let values = array.as_boolean().clone();
    Ok(Box::new(move |row| {
        let letter = if values.value(row) { "t" } else { "f" };
        Ok(values.is_valid(row).then(|| letter.to_string()))
    }))
}
