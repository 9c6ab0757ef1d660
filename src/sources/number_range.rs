//! Types that hold written numbers digit for digit.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType};

/// Maximum absolute value up to which every integer is a `Float64`.
const MAX_EXACT_FLOAT: u64 = 1 << f64::MANTISSA_DIGITS;

/// What the numbers of a column need of their type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NumberRange {
    /// Whether any number was added.
    filled: bool,
    negative: bool,
    /// Numbers with a decimal point.
    fractions: bool,
    /// Numbers with an exponent, infinities, and what is not a number.
    exponents: bool,
    /// Numbers that a `Float64` would make infinite.
    infinite: bool,
    /// Integers that a `Float64` would round.
    beyond_float: bool,
    beyond_i64: bool,
    beyond_u64: bool,
    /// Most digits before and after the decimal point.
    integer_digits: usize,
    fraction_digits: usize,
}

impl NumberRange {
    /// Adds a number as it is written: `-12`, `1.5`, `2e3`, `NaN`.
    pub fn add(&mut self, text: &str) {
        self.filled = true;
        let digits = text.strip_prefix('-');
        self.negative |= digits.is_some();
        let digits = digits.unwrap_or(text);
        if !digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            self.exponents = true;
            let is_word = digits.starts_with(|c: char| c.is_ascii_alphabetic());
            self.infinite |= !is_word && text.parse::<f64>().is_ok_and(f64::is_infinite);
            return;
        }
        let (integer, fraction) = match digits.split_once('.') {
            Some((integer, fraction)) => {
                self.fractions = true;
                (integer, fraction)
            }
            None => (digits, ""),
        };
        let integer = integer.trim_start_matches('0');
        self.integer_digits = self.integer_digits.max(integer.len());
        self.fraction_digits = self.fraction_digits.max(fraction.len());
        if fraction.is_empty() && !integer.is_empty() {
            let value = integer.parse::<u64>().ok();
            self.beyond_u64 |= value.is_none();
            self.beyond_i64 |= text.parse::<i64>().is_err();
            self.beyond_float |= value.is_none_or(|value| value > MAX_EXACT_FLOAT);
        }
    }

    /// Adds the numbers of another range.
    pub fn merge(&mut self, other: Self) {
        self.filled |= other.filled;
        self.negative |= other.negative;
        self.fractions |= other.fractions;
        self.exponents |= other.exponents;
        self.infinite |= other.infinite;
        self.beyond_float |= other.beyond_float;
        self.beyond_i64 |= other.beyond_i64;
        self.beyond_u64 |= other.beyond_u64;
        self.integer_digits = self.integer_digits.max(other.integer_digits);
        self.fraction_digits = self.fraction_digits.max(other.fraction_digits);
    }

    pub fn is_empty(&self) -> bool {
        !self.filled
    }

    /// Narrowest type that keeps every digit of the integers; text if no number type
    /// does.
    pub fn data_type(&self) -> DataType {
        let digits = self.integer_digits + self.fraction_digits;
        let has_decimal = !self.exponents && digits <= usize::from(DECIMAL128_MAX_PRECISION);
        let floats = self.fractions || self.exponents;
        match (floats, self.beyond_float) {
            _ if self.infinite => return DataType::Utf8,
            (true, false) => return DataType::Float64,
            (false, _) if !self.beyond_i64 => return DataType::Int64,
            (false, _) if !self.beyond_u64 && !self.negative => return DataType::UInt64,
            _ => {}
        }
        match i8::try_from(self.fraction_digits) {
            Ok(scale) if has_decimal => DataType::Decimal128(DECIMAL128_MAX_PRECISION, scale),
            _ => DataType::Utf8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[&str]) -> DataType {
        let mut range = NumberRange::default();
        for number in numbers {
            let mut single = NumberRange::default();
            single.add(number);
            range.merge(single);
        }
        range.data_type()
    }

    #[test]
    fn integers_keep_their_digits() {
        assert_eq!(of(&["1", "-9223372036854775808"]), DataType::Int64);
        assert_eq!(of(&["0", "9223372036854775807"]), DataType::Int64);
        assert_eq!(of(&["0", "9223372036854775808"]), DataType::UInt64);
        assert_eq!(of(&["1", "18446744073709551615"]), DataType::UInt64);
        assert_eq!(of(&["18446744073709551616"]), DataType::Decimal128(38, 0));
        assert_eq!(
            of(&["-1", "9223372036854775808"]),
            DataType::Decimal128(38, 0)
        );
        assert_eq!(of(&["-9223372036854775809"]), DataType::Decimal128(38, 0));
        let nines = "9".repeat(38);
        assert_eq!(of(&[&nines]), DataType::Decimal128(38, 0));
        assert_eq!(of(&[&format!("{nines}9")]), DataType::Utf8);
    }

    #[test]
    fn floats_beside_long_integers_are_decimals_or_text() {
        assert_eq!(of(&["1", "0.5", "2e3"]), DataType::Float64);
        assert_eq!(of(&["9007199254740992", "0.5"]), DataType::Float64);
        assert_eq!(
            of(&["9007199254740993", "0.25"]),
            DataType::Decimal128(38, 2)
        );
        assert_eq!(of(&["9007199254740993", "2e3"]), DataType::Utf8);
        assert_eq!(of(&["1e999", "1"]), DataType::Utf8);
        assert_eq!(of(&["inf", "1"]), DataType::Float64);
        assert_eq!(of(&["NaN", "1"]), DataType::Float64);
        assert_eq!(of(&["123456789012345678901234.5"]), DataType::Float64);
    }
}
