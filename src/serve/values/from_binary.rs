//! Values of clients in binary.

use std::fmt::Write;

use datafusion::scalar::ScalarValue;
use pgwire::api::Type;

use super::from_text;
use super::numeric::Digits;
use super::scalars::{decimal, list};
use super::temporal::{EPOCH_DAYS, EPOCH_MICROS};
use super::wire_type::element_type;

/// Maximum number of dimensions of an array in Postgres.
const MAX_DIMENSIONS: i32 = 6;

/// Microseconds of a day; a time may also be its end.
const MAX_TIME: i64 = 86_400_000_000;

/// Reads a value in binary.
///
/// # Errors
/// Why the bytes are no value of the type.
pub fn read(wire: &Type, bytes: &[u8]) -> Result<ScalarValue, String> {
    if let Some(element) = element_type(wire) {
        return read_array(&element, bytes);
    }
    Ok(match *wire {
        Type::BOOL => ScalarValue::Boolean(Some(i8::from_be_bytes(exactly(bytes)?) != 0)),
        Type::INT2 => ScalarValue::Int16(Some(i16::from_be_bytes(exactly(bytes)?))),
        Type::INT4 => ScalarValue::Int32(Some(i32::from_be_bytes(exactly(bytes)?))),
        Type::INT8 => ScalarValue::Int64(Some(i64::from_be_bytes(exactly(bytes)?))),
        Type::OID => {
            let oid = u32::from_be_bytes(exactly(bytes)?);
            ScalarValue::Int64(Some(i64::from(oid)))
        }
        Type::FLOAT4 => ScalarValue::Float32(Some(f32::from_be_bytes(exactly(bytes)?))),
        Type::FLOAT8 => ScalarValue::Float64(Some(f64::from_be_bytes(exactly(bytes)?))),
        Type::NUMERIC => decimal(&Digits::read_binary(bytes)?)?,
        Type::BYTEA => ScalarValue::Binary(Some(bytes.to_vec())),
        Type::UUID => ScalarValue::Utf8(Some(uuid(exactly(bytes)?))),
        Type::DATE => {
            let days = i32::from_be_bytes(exactly(bytes)?).checked_add(EPOCH_DAYS);
            ScalarValue::Date32(Some(days.ok_or("it is beyond the range of dates")?))
        }
        Type::TIME => {
            let micros = i64::from_be_bytes(exactly(bytes)?);
            match (0..=MAX_TIME).contains(&micros) {
                true => ScalarValue::Time64Microsecond(Some(micros)),
                false => return Err("it is no time of a day".to_string()),
            }
        }
        Type::TIMESTAMP => ScalarValue::TimestampMicrosecond(Some(moment(bytes)?), None),
        Type::TIMESTAMPTZ => {
            ScalarValue::TimestampMicrosecond(Some(moment(bytes)?), Some("UTC".into()))
        }
        Type::INTERVAL => {
            let parts: [u8; 16] = exactly(bytes)?;
            let (time, rest) = parts.split_at(8);
            let (days, months) = rest.split_at(4);
            let micros = i64::from_be_bytes(exactly(time)?);
            let nanos = micros.checked_mul(1000);
            ScalarValue::new_interval_mdn(
                i32::from_be_bytes(exactly(months)?),
                i32::from_be_bytes(exactly(days)?),
                nanos.ok_or("its time is more than 292 years")?,
            )
        }
        Type::JSONB => match bytes.split_first() {
            Some((1, text)) => from_text::read(&Type::JSON, text)?,
            _ => return Err("its version is not 1".to_string()),
        },
        Type::TEXT
        | Type::VARCHAR
        | Type::BPCHAR
        | Type::NAME
        | Type::CHAR
        | Type::JSON
        | Type::UNKNOWN => from_text::read(&Type::TEXT, bytes)?,
        _ => {
            return Err(format!(
                "binary values of the type {wire} are not supported"
            ));
        }
    })
}

fn exactly<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes
        .try_into()
        .map_err(|_| format!("it has {} bytes instead of {N}", bytes.len()))
}

fn moment(bytes: &[u8]) -> Result<i64, String> {
    let micros = i64::from_be_bytes(exactly(bytes)?);
    // The ends of the range are infinity.
    if matches!(micros, i64::MIN | i64::MAX) {
        return Err("an infinite timestamp is not supported".to_string());
    }
    let micros = micros.checked_add(EPOCH_MICROS);
    micros.ok_or_else(|| "it is beyond the range of timestamps".to_string())
}

fn uuid(bytes: [u8; 16]) -> String {
    let mut text = String::new();
    for (at, byte) in bytes.into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Reads an array of one dimension. Its header is checked before anything is
/// allocated.
fn read_array(element: &Type, bytes: &[u8]) -> Result<ScalarValue, String> {
    let mut rest = bytes;
    let mut next = || -> Result<i32, String> {
        let (four, behind) = rest.split_at_checked(4).ok_or("the array is cut short")?;
        rest = behind;
        Ok(i32::from_be_bytes(exactly(four)?))
    };
    let dimensions = next()?;
    let (_has_nulls, _element_type) = (next()?, next()?);
    match dimensions {
        0 => return list(element, Vec::new()),
        1 => {}
        2..=MAX_DIMENSIONS => {
            return Err("arrays of more than one dimension are not supported".to_string());
        }
        _ => return Err("its number of dimensions is invalid".to_string()),
    }
    let (length, _first) = (next()?, next()?);
    let length = usize::try_from(length).map_err(|_| "its length is negative")?;
    // Each element has at least its length.
    if length > rest.len() / 4 {
        return Err("it has fewer elements than its header says".to_string());
    }
    let mut elements = Vec::with_capacity(length);
    for _ in 0..length {
        let (size, behind) = rest.split_at_checked(4).ok_or("the array is cut short")?;
        let size = i32::from_be_bytes(exactly(size)?);
        rest = behind;
        if size < 0 {
            elements.push(None);
            continue;
        }
        let (value, behind) = rest
            .split_at_checked(size as usize)
            .ok_or("the array is cut short")?;
        rest = behind;
        elements.push(Some(read(element, value)?));
    }
    match rest.is_empty() {
        true => list(element, elements),
        false => Err("there are bytes behind its last element".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(numbers: &[i32]) -> Vec<u8> {
        numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
    }

    #[test]
    fn arrays_have_the_elements_of_their_header() {
        // Dimensions, nulls, element type; length, lower bound; elements.
        let read = |words: &[i32]| read(&Type::INT4_ARRAY, &numbers(words));
        assert_eq!(read(&[0, 0, 23]).unwrap().to_string(), "[]");
        let two = read(&[1, 0, 23, 2, 1, 4, 7, 4, 8]).unwrap();
        assert_eq!(two.to_string(), "[7, 8]");
        let nulls = read(&[1, 1, 23, 2, 1, -1, -1]).unwrap();
        assert_eq!(nulls.to_string(), "[, ]");
        for wrong in [
            &[1, 0, 25, i32::MAX, 1][..],
            &[1, 0, 25, -1, 1],
            &[2, 0, 25, 65_536, 1, 65_536, 1],
            &[100, 0, 25],
            &[-1, 0, 25],
            &[1, 0],
            &[1, 0, 23, 3, 1, 4, 7],
            &[1, 0, 23, 1, 1, 4, 7, 4],
            &[1, 0, 23, 1, 1, 8, 7, 4],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn times_count_from_2000() {
        let date = read(&Type::DATE, &numbers(&[0])).unwrap();
        assert_eq!(date, ScalarValue::Date32(Some(10_957)));
        let moment = read(&Type::TIMESTAMPTZ, &0_i64.to_be_bytes()).unwrap();
        assert_eq!(
            moment,
            ScalarValue::TimestampMicrosecond(Some(EPOCH_MICROS), Some("UTC".into()))
        );
        for (wire, wrong) in [
            (Type::DATE, numbers(&[i32::MAX])),
            (Type::TIMESTAMP, i64::MAX.to_be_bytes().to_vec()),
            (Type::TIME, i64::MIN.to_be_bytes().to_vec()),
            (Type::INTERVAL, vec![0x7f; 16]),
            (Type::INTERVAL, vec![0; 4]),
            (Type::INT4, b"123".to_vec()),
            (Type::JSONB, Vec::new()),
            (Type::RECORD, Vec::new()),
        ] {
            assert!(read(&wire, &wrong).is_err(), "{wire}");
        }
    }
}
