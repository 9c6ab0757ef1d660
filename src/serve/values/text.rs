//! Text forms of scalars.

use std::fmt::Write;

use bytes::{BufMut, BytesMut};
use pgwire::api::Type;

use super::columns::{Column, ColumnValues};
use super::numeric::Digits;
use super::temporal;

/// Writes the text form of a scalar that is not NULL.
pub fn write(column: &Column, row: usize, out: &mut BytesMut) {
    // Writing into a buffer in memory cannot fail.
    let _ = write_scalar(column, row, out);
}

fn write_scalar(column: &Column, row: usize, out: &mut BytesMut) -> std::fmt::Result {
    match &column.values {
        ColumnValues::Null => Ok(()),
        ColumnValues::Boolean(values) => out.write_char(if values.value(row) { 't' } else { 'f' }),
        ColumnValues::Int2(values) => write!(out, "{}", values.value(row)),
        ColumnValues::Int4(values) => match column.wire == Type::OID {
            // Identifiers are unsigned in Postgres.
            true => write!(out, "{}", values.value(row) as u32),
            false => write!(out, "{}", values.value(row)),
        },
        ColumnValues::Int8(values) => write!(out, "{}", values.value(row)),
        ColumnValues::Float4(values) => {
            const MAX_FIXED: i32 = 6;
            let value = values.value(row);
            write_float(out, f64::from(value), &format!("{value:e}"), MAX_FIXED)
        }
        ColumnValues::Float8(values) => {
            const MAX_FIXED: i32 = 15;
            let value = values.value(row);
            write_float(out, value, &format!("{value:e}"), MAX_FIXED)
        }
        ColumnValues::Numeric(values, scale) => {
            Digits::of(values.value(row), *scale).write_text(out);
            Ok(())
        }
        ColumnValues::LargeNumeric(values, scale) => {
            Digits::of(values.value(row), *scale).write_text(out);
            Ok(())
        }
        ColumnValues::Text(values) => {
            out.put_slice(values.value(row).as_bytes());
            Ok(())
        }
        ColumnValues::Bytes(values) => match column.wire == Type::UUID {
            true => write_uuid(out, values.value(row)),
            false => write_hex(out, "\\x", values.value(row)),
        },
        ColumnValues::Date(values) => temporal::write_date(out, i64::from(values.value(row))),
        ColumnValues::Time(values) => temporal::write_time(out, values.value(row)),
        ColumnValues::Timestamp(values) => {
            let zoned = column.wire == Type::TIMESTAMPTZ;
            temporal::write_timestamp(out, values.value(row), zoned)
        }
        ColumnValues::Interval(values) => {
            let value = values.value(row);
            let micros = value.nanoseconds / 1000;
            temporal::write_interval(out, value.months, value.days, micros)
        }
        // Written by `lists`.
        ColumnValues::List(..) | ColumnValues::Record(_) => Ok(()),
    }
}

/// Writes a floating point number from its shortest form with an exponent, such as
/// `1.5e-7`. Postgres writes it with an exponent only below 1e-4 and from 10 to the
/// power of `max_fixed`.
fn write_float(out: &mut BytesMut, value: f64, shortest: &str, max_fixed: i32) -> std::fmt::Result {
    if !value.is_finite() {
        return out.write_str(match value {
            _ if value.is_nan() => "NaN",
            _ if value > 0.0 => "Infinity",
            _ => "-Infinity",
        });
    }
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    out.write_str(sign)?;
    match exponent {
        ..-4 => write!(out, "{mantissa}e-{:02}", exponent.unsigned_abs()),
        -4..0 => {
            let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
            write!(out, "0.{zeros}{digits}")
        }
        0.. if exponent < max_fixed => {
            let whole = exponent as usize + 1;
            match digits.len() > whole {
                true => write!(out, "{}.{}", &digits[..whole], &digits[whole..]),
                false => write!(out, "{digits:0<whole$}"),
            }
        }
        _ => write!(out, "{mantissa}e+{exponent:02}"),
    }
}

fn write_hex(out: &mut BytesMut, prefix: &str, bytes: &[u8]) -> std::fmt::Result {
    out.write_str(prefix)?;
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

fn write_uuid(out: &mut BytesMut, bytes: &[u8]) -> std::fmt::Result {
    for (at, byte) in bytes.iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            out.write_char('-')?;
        }
        write!(out, "{byte:02x}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_have_exponents_where_postgres_writes_them() {
        let of = |value: f64| {
            let mut out = BytesMut::new();
            write_float(&mut out, value, &format!("{value:e}"), 15).unwrap();
            String::from_utf8(out.to_vec()).unwrap()
        };
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (100.0, "100"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1e+15"),
            (-1.25e300, "-1.25e+300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(of(value), expected);
        }
    }

    #[test]
    fn identifiers_have_their_dashes() {
        let mut out = BytesMut::new();
        write_uuid(&mut out, &(0..16).collect::<Vec<u8>>()).unwrap();
        assert_eq!(out.as_ref(), b"00010203-0405-0607-0809-0a0b0c0d0e0f");
    }
}
