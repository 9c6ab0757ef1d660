//! Text forms of scalars.

use std::fmt::{LowerExp, Write};

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
            write_float(out, values.value(row), MAX_FIXED)
        }
        ColumnValues::Float8(values) => {
            const MAX_FIXED: i32 = 15;
            write_float(out, values.value(row), MAX_FIXED)
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

/// Longest shortest form of a floating point number with an exponent, in bytes:
/// `-2.2250738585072014e-308`.
const MAX_FLOAT_LENGTH: usize = 24;

/// Writes a floating point number in its shortest form. Postgres writes it with an
/// exponent below 1e-4 and from 10 to the power of `max_fixed`.
fn write_float<F>(out: &mut BytesMut, value: F, max_fixed: i32) -> std::fmt::Result
where
    F: Copy + Into<f64> + LowerExp,
{
    let number: f64 = value.into();
    if !number.is_finite() {
        return out.write_str(match number {
            _ if number.is_nan() => "NaN",
            _ if number > 0.0 => "Infinity",
            _ => "-Infinity",
        });
    }
    // Vectors have many numbers: nothing here allocates.
    let mut buffer = [0; MAX_FLOAT_LENGTH];
    let mut unwritten = &mut buffer[..];
    std::io::Write::write_fmt(&mut unwritten, format_args!("{value:e}"))
        .map_err(|_| std::fmt::Error)?;
    let unwritten = unwritten.len();
    let shortest = std::str::from_utf8(&buffer[..MAX_FLOAT_LENGTH - unwritten])
        .map_err(|_| std::fmt::Error)?;
    let (sign, shortest) = match shortest.strip_prefix('-') {
        Some(positive) => ("-", positive),
        None => ("", shortest),
    };
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (first, others) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    out.write_str(sign)?;
    match exponent {
        ..-4 => write!(out, "{mantissa}e-{:02}", exponent.unsigned_abs()),
        -4..0 => {
            out.write_str("0.")?;
            out.put_bytes(b'0', exponent.unsigned_abs() as usize - 1);
            out.write_str(first)?;
            out.write_str(others)
        }
        0.. if exponent < max_fixed => {
            let exponent = exponent as usize;
            out.write_str(first)?;
            match others.split_at_checked(exponent) {
                Some((whole, "")) => out.write_str(whole),
                Some((whole, fraction)) => write!(out, "{whole}.{fraction}"),
                None => {
                    out.write_str(others)?;
                    out.put_bytes(b'0', exponent - others.len());
                    Ok(())
                }
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
            write_float(&mut out, value, 15).unwrap();
            String::from_utf8(out.to_vec()).unwrap()
        };
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (100.0, "100"),
            (1250.0, "1250"),
            (-1234.5, "-1234.5"),
            (0.012, "0.012"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (123_456_789_012_345.0, "123456789012345"),
            (1e15, "1e+15"),
            (-1.25e300, "-1.25e+300"),
            (-f64::MIN_POSITIVE, "-2.2250738585072014e-308"),
            (-f64::MAX, "-1.7976931348623157e+308"),
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
