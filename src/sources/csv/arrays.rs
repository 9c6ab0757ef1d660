//! Arrow columns of the fields of records.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, ArrowPrimitiveType, BooleanBuilder, PrimitiveArray, PrimitiveBuilder, StringBuilder,
};
use arrow::compute::kernels::cast_utils::parse_decimal;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field, Float64Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt64Type,
};

use super::faults::{not_utf8, too_long, wrong_type};
use super::literal;
use super::records::Records;
use crate::error::Result;

/// A column of records to convert.
pub struct FieldColumn<'a> {
    pub records: &'a Records,
    /// Text of the records, if all of it is UTF-8.
    pub text: Option<&'a str>,
    /// Position of the column in the records.
    pub position: usize,
    /// Name and type of the column.
    pub field: &'a Field,
    /// Whether its numbers have decimal commas.
    pub decimal_comma: bool,
    /// Name of the file for messages.
    pub name: &'a str,
}

impl FieldColumn<'_> {
    /// Converts the fields. An empty field is NULL; of texts, only if it is not
    /// quoted.
    ///
    /// # Errors
    /// A field that is not UTF-8 or not a value of the type, with its line.
    pub fn array(&self) -> Result<ArrayRef> {
        let data_type = self.field.data_type();
        Ok(match data_type {
            DataType::Utf8 => self.texts()?,
            DataType::Boolean => self.booleans()?,
            DataType::Int64 => {
                Arc::new(self.values::<Int64Type>("an integer", |text| text.parse().ok())?)
            }
            DataType::UInt64 => {
                Arc::new(self.values::<UInt64Type>("an integer from 0", |text| text.parse().ok())?)
            }
            DataType::Float64 => self.floats()?,
            DataType::Decimal128(precision, scale) => {
                let decimal = |text: &str| decimal(text, *precision, *scale);
                let expected = format!("a number with at most {scale} decimals");
                let values = self.values::<Decimal128Type>(&expected, decimal)?;
                Arc::new(values.with_data_type(data_type.clone()))
            }
            DataType::Date32 => Arc::new(self.values::<Date32Type>("a date", literal::date)?),
            DataType::Timestamp(unit, None) => self.timestamps(*unit)?,
            // A type that a table of several files needs.
            other => {
                let options = CastOptions {
                    safe: false,
                    ..CastOptions::default()
                };
                cast_with_options(&self.texts()?, other, &options)?
            }
        })
    }

    fn texts(&self) -> Result<ArrayRef> {
        if i32::try_from(self.records.text.len()).is_err() {
            let line = self.records.line(0);
            return Err(too_long(self.name, line));
        }
        let lengths = (0..self.records.len()).map(|record| {
            let (range, _) = self.records.field_range(record, self.position);
            range.len()
        });
        let mut builder = StringBuilder::with_capacity(self.records.len(), lengths.sum());
        for record in 0..self.records.len() {
            match self.text(record)? {
                ("", false) => builder.append_null(),
                (text, _) => builder.append_value(text),
            }
        }
        Ok(Arc::new(builder.finish()))
    }

    fn booleans(&self) -> Result<ArrayRef> {
        let mut builder = BooleanBuilder::with_capacity(self.records.len());
        for record in 0..self.records.len() {
            let (text, _) = self.text(record)?;
            builder.append_option(match text {
                "" => None,
                text if text.eq_ignore_ascii_case("true") => Some(true),
                text if text.eq_ignore_ascii_case("false") => Some(false),
                text => return Err(self.fault(record, text, "true or false")),
            });
        }
        Ok(Arc::new(builder.finish()))
    }

    fn floats(&self) -> Result<ArrayRef> {
        let expected = "a number";
        let values = if self.decimal_comma {
            self.values::<Float64Type>(expected, |text| match literal::comma_number(text) {
                Some(number) => number.text.parse().ok(),
                // A point would be a decimal point in one row and a comma in another.
                None if text.contains('.') => None,
                None => text.parse().ok(),
            })
        } else {
            self.values::<Float64Type>(expected, |text| text.parse().ok())
        };
        Ok(Arc::new(values?))
    }

    fn timestamps(&self, unit: TimeUnit) -> Result<ArrayRef> {
        let expected = "a time";
        let read = |text: &str| timestamp(text, unit);
        Ok(match unit {
            TimeUnit::Second => Arc::new(self.values::<TimestampSecondType>(expected, read)?),
            TimeUnit::Millisecond => {
                Arc::new(self.values::<TimestampMillisecondType>(expected, read)?)
            }
            TimeUnit::Microsecond => {
                Arc::new(self.values::<TimestampMicrosecondType>(expected, read)?)
            }
            TimeUnit::Nanosecond => {
                Arc::new(self.values::<TimestampNanosecondType>(expected, read)?)
            }
        })
    }

    fn values<T: ArrowPrimitiveType>(
        &self,
        expected: &str,
        read: impl Fn(&str) -> Option<T::Native>,
    ) -> Result<PrimitiveArray<T>> {
        let mut values = PrimitiveBuilder::<T>::with_capacity(self.records.len());
        for record in 0..self.records.len() {
            match self.text(record)? {
                ("", _) => values.append_null(),
                (text, _) => match read(text) {
                    Some(value) => values.append_value(value),
                    None => return Err(self.fault(record, text, expected)),
                },
            }
        }
        Ok(values.finish())
    }

    /// Text of a field, and whether it was quoted.
    fn text(&self, record: usize) -> Result<(&str, bool)> {
        let (range, quoted) = self.records.field_range(record, self.position);
        // A field that ends within a character is not UTF-8.
        let text = match self.text {
            Some(text) => text.get(range),
            None => std::str::from_utf8(&self.records.text[range]).ok(),
        };
        let text =
            text.ok_or_else(|| not_utf8(self.name, self.records.line(record), self.field.name()))?;
        Ok((text, quoted))
    }

    fn fault(&self, record: usize, value: &str, expected: &str) -> crate::error::ShellError {
        let line = self.records.line(record);
        wrong_type(self.name, line, self.field.name(), value, expected)
    }
}

/// Reads a decimal, unless digits would be lost.
fn decimal(text: &str, precision: u8, scale: i8) -> Option<i128> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    let is_plain = literal::is_number(text) && !text.contains(|c: char| c.is_ascii_alphabetic());
    if !is_plain || fraction.len() > usize::try_from(scale).unwrap_or(0) {
        return None;
    }
    parse_decimal::<Decimal128Type>(text, precision, scale).ok()
}

/// Reads a time, unless digits of its fraction would be lost.
fn timestamp(text: &str, unit: TimeUnit) -> Option<i64> {
    if literal::time_unit(text).is_some_and(|digits| digits > unit) {
        return None;
    }
    literal::timestamp(text, unit)
}
