//! Binary forms of scalars.

use bytes::{BufMut, BytesMut};
use pgwire::api::Type;

use super::columns::{Column, ColumnValues};
use super::numeric::Digits;
use super::temporal::{EPOCH_DAYS, EPOCH_MICROS};
use crate::error::{ErrorKind, Result, ShellError};

/// Version of the binary form of jsonb.
const JSONB_VERSION: u8 = 1;

/// Writes the binary form of a scalar that is not NULL.
///
/// # Errors
/// A time beyond the range of Postgres.
pub fn write(column: &Column, row: usize, out: &mut BytesMut) -> Result<()> {
    match &column.values {
        ColumnValues::Null => {}
        ColumnValues::Boolean(values) => out.put_u8(u8::from(values.value(row))),
        ColumnValues::Int2(values) => out.put_i16(values.value(row)),
        ColumnValues::Int4(values) => out.put_i32(values.value(row)),
        ColumnValues::Int8(values) => out.put_i64(values.value(row)),
        ColumnValues::Float4(values) => out.put_f32(values.value(row)),
        ColumnValues::Float8(values) => out.put_f64(values.value(row)),
        ColumnValues::Numeric(values, scale) => {
            Digits::of(values.value(row), *scale).write_binary(out);
        }
        ColumnValues::LargeNumeric(values, scale) => {
            Digits::of(values.value(row), *scale).write_binary(out);
        }
        ColumnValues::Text(values) => {
            let text = values.value(row).as_bytes();
            match column.wire {
                // One byte; an empty one is zero.
                Type::CHAR => out.put_u8(text.first().copied().unwrap_or(0)),
                Type::JSONB => {
                    out.put_u8(JSONB_VERSION);
                    out.put_slice(text);
                }
                _ => out.put_slice(text),
            }
        }
        ColumnValues::Bytes(values) => out.put_slice(values.value(row)),
        ColumnValues::Date(values) => {
            let days = values.value(row).checked_sub(EPOCH_DAYS);
            out.put_i32(days.ok_or_else(|| beyond("date"))?);
        }
        ColumnValues::Time(values) => out.put_i64(values.value(row)),
        ColumnValues::Timestamp(values) => {
            let micros = values.value(row).checked_sub(EPOCH_MICROS);
            out.put_i64(micros.ok_or_else(|| beyond("timestamp"))?);
        }
        ColumnValues::Interval(values) => {
            let value = values.value(row);
            out.put_i64(value.nanoseconds / 1000);
            out.put_i32(value.days);
            out.put_i32(value.months);
        }
        // Written by `lists`.
        ColumnValues::List(..) | ColumnValues::Record(_) => {}
    }
    Ok(())
}

fn beyond(what: &str) -> ShellError {
    ShellError::of_kind(
        ErrorKind::InvalidValue,
        format!("a {what} is beyond the range of Postgres; cast it to text"),
    )
}
