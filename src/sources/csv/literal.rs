//! Numbers, dates and times as delimited text writes them.

use std::borrow::Cow;
use std::sync::LazyLock;

use arrow::array::timezone::Tz;
use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::{Date32Type, TimeUnit};

/// Zone of times that name none.
static UTC: LazyLock<Option<Tz>> = LazyLock::new(|| "+00:00".parse().ok());

/// Texts of numbers without digits.
const SPECIAL_NUMBERS: &[&str] = &["NaN", "nan", "inf", "-inf"];

/// Length of a date such as 2024-02-29.
const DATE_LENGTH: usize = 10;

/// Length of a time such as 2024-02-29 12:00:00.
const SECONDS_LENGTH: usize = 19;

/// Whether a text is a number that a type of numbers holds.
pub fn is_number(text: &str) -> bool {
    if SPECIAL_NUMBERS.contains(&text) {
        return true;
    }
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let has_digits = match mantissa.split_once('.') {
        Some((integer, fraction)) => {
            are_digits(integer) && are_digits(fraction) && mantissa.len() > 1
        }
        None => are_digits(mantissa) && !mantissa.is_empty(),
    };
    let Some(exponent) = exponent else {
        return has_digits;
    };
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    has_digits
        && are_digits(exponent)
        && !exponent.is_empty()
        // A float beyond the largest would lose its digits.
        && text.parse::<f64>().is_ok_and(f64::is_finite)
}

fn are_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether digits follow a leading zero: a code rather than a number.
pub fn is_code(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.len() > 1 && digits.starts_with('0') && are_digits(digits)
}

/// A number with a decimal comma.
pub struct CommaNumber<'a> {
    /// The number with a decimal point.
    pub text: Cow<'a, str>,
    /// Whether the comma may separate thousands.
    pub ambiguous: bool,
}

/// Reads a number with a decimal comma.
pub fn comma_number(text: &str) -> Option<CommaNumber<'_>> {
    let (integer, fraction) = text.split_once(',')?;
    if text.contains('.') {
        return None;
    }
    let pointed = format!("{integer}.{fraction}");
    let digits = integer.strip_prefix('-').unwrap_or(integer);
    is_number(&pointed).then(|| CommaNumber {
        text: pointed.into(),
        ambiguous: (1..=3).contains(&digits.len())
            && !digits.starts_with('0')
            && fraction.len() == 3,
    })
}

/// Reads a date, in days since 1970-01-01.
pub fn date(text: &str) -> Option<i32> {
    if !has_pattern(text.as_bytes(), b"0000-00-00") || text.len() != DATE_LENGTH {
        return None;
    }
    Date32Type::parse(text)
}

/// Unit that holds the fraction of a time. `None` if the text is not a time, or has
/// more than nine digits after the point.
pub fn time_unit(text: &str) -> Option<TimeUnit> {
    let bytes = text.as_bytes();
    if !has_pattern(bytes, b"0000-00-00 00:00:00") && !has_pattern(bytes, b"0000-00-00T00:00:00") {
        return None;
    }
    let rest = &bytes[SECONDS_LENGTH..];
    let digits = match rest.split_first() {
        Some((b'.', fraction)) => fraction
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count(),
        Some((byte, _)) if byte.is_ascii_digit() => return None,
        _ => 0,
    };
    let unit = match digits {
        0 if rest.first() == Some(&b'.') => return None,
        0 => TimeUnit::Second,
        1..=3 => TimeUnit::Millisecond,
        4..=6 => TimeUnit::Microsecond,
        7..=9 => TimeUnit::Nanosecond,
        _ => return None,
    };
    Some(unit)
}

/// Whether `bytes` start with `pattern`, in which a zero is any digit.
fn has_pattern(bytes: &[u8], pattern: &[u8]) -> bool {
    bytes.len() >= pattern.len()
        && bytes
            .iter()
            .zip(pattern)
            .all(|(byte, expected)| match expected {
                b'0' => byte.is_ascii_digit(),
                other => byte == other,
            })
}

/// Reads a time or date in a unit since 1970-01-01 UTC. `None` if the text is not
/// one, or the unit does not hold it.
pub fn timestamp(text: &str, unit: TimeUnit) -> Option<i64> {
    let time = string_to_datetime((*UTC).as_ref()?, text).ok()?;
    match unit {
        TimeUnit::Second => Some(time.timestamp()),
        TimeUnit::Millisecond => Some(time.timestamp_millis()),
        TimeUnit::Microsecond => Some(time.timestamp_micros()),
        TimeUnit::Nanosecond => time.timestamp_nanos_opt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_digits() {
        for number in [
            "0",
            "-1",
            "1.",
            ".5",
            "1e5",
            "-2.5E-3",
            "NaN",
            "99999999999999999999",
        ] {
            assert!(is_number(number), "{number}");
        }
        for text in [
            "", "-", ".", "1e", "e5", "1,5", "+1", " 1", "1_0", "0x1", "1e999", "١",
        ] {
            assert!(!is_number(text), "{text}");
        }
        assert!(is_code("007") && is_code("-01") && !is_code("0") && !is_code("0.5"));
    }

    #[test]
    fn three_digits_after_a_comma_may_be_thousands() {
        let read =
            |text: &'static str| comma_number(text).map(|n| (n.text.into_owned(), n.ambiguous));
        assert_eq!(read("12,5"), Some(("12.5".into(), false)));
        assert_eq!(read("-1,234"), Some(("-1.234".into(), true)));
        assert_eq!(read("0,500"), Some(("0.500".into(), false)));
        assert_eq!(read("1234,567"), Some(("1234.567".into(), false)));
        for text in ["1.234,5", "1,234,567", "a,5", "1, 5", ","] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn times_have_the_unit_of_their_digits() {
        assert_eq!(time_unit("2024-02-29 12:00:00"), Some(TimeUnit::Second));
        assert_eq!(
            time_unit("2024-02-29T12:00:00.5Z"),
            Some(TimeUnit::Millisecond)
        );
        assert_eq!(
            time_unit("9999-12-31 00:00:00.123456"),
            Some(TimeUnit::Microsecond)
        );
        assert_eq!(time_unit("2024-02-29 12:00:00.1234567890"), None);
        assert_eq!(time_unit("2024-02-29"), None);
        assert_eq!(
            timestamp("1970-01-02T00:00:00+01:00", TimeUnit::Second),
            Some(82_800)
        );
        assert!(timestamp("9999-12-31 23:59:59", TimeUnit::Microsecond).is_some());
        assert_eq!(timestamp("9999-12-31 23:59:59", TimeUnit::Nanosecond), None);
        assert_eq!(timestamp("2024-02-30 00:00:00", TimeUnit::Second), None);
        assert_eq!(date("2024-02-30"), None);
        assert_eq!(date("1970-01-03"), Some(2));
    }
}
