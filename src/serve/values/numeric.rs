//! Decimals as numeric, in both forms and both ways.
//!
//! In text a decimal has as many digits behind its point as its scale. In binary it is
//! a list of groups of four digits: their number, the weight of the first group, the
//! sign, the scale, and the groups.

use std::fmt::Display;

use bytes::{BufMut, BytesMut};

const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const POSITIVE_INFINITY: u16 = 0xD000;
const NEGATIVE_INFINITY: u16 = 0xF000;

/// Digits of a group.
const GROUP: usize = 4;

/// Maximum digits of a decimal of Arrow.
const MAX_DIGITS: usize = 76;

/// A decimal in digits, without leading zeros before the point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digits {
    pub negative: bool,
    pub whole: String,
    pub fraction: String,
}

impl Digits {
    /// Digits of a value with a scale, which may be negative.
    pub fn of(unscaled: impl Display, scale: i8) -> Self {
        let text = unscaled.to_string();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text.as_str()),
        };
        let fraction_digits = usize::try_from(scale).unwrap_or(0);
        let mut digits = format!("{digits:0>width$}", width = fraction_digits + 1);
        if scale < 0 && digits != "0" {
            digits.push_str(&"0".repeat(usize::from(scale.unsigned_abs())));
        }
        let fraction = digits.split_off(digits.len() - fraction_digits);
        let whole = digits.trim_start_matches('0').to_string();
        Self {
            negative,
            whole,
            fraction,
        }
    }

    /// Reads a number such as `-12.50` or `1.25e3`; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !is_number(whole) || !is_number(fraction) {
            return None;
        }
        if exponent.unsigned_abs() as usize > MAX_DIGITS {
            return None;
        }
        let mut digits = format!("{whole}{fraction}");
        let mut point = whole.len() as i32 + exponent;
        if point < 0 {
            digits.insert_str(0, &"0".repeat(point.unsigned_abs() as usize));
            point = 0;
        }
        let point = point as usize;
        if point > digits.len() {
            digits.push_str(&"0".repeat(point - digits.len()));
        }
        let fraction = digits.split_off(point);
        Some(Self {
            negative,
            whole: digits.trim_start_matches('0').to_string(),
            fraction,
        })
    }

    /// Number of digits behind the point.
    pub fn scale(&self) -> usize {
        self.fraction.len()
    }

    /// The value without its point, in digits.
    pub fn unscaled(&self) -> String {
        let sign = if self.negative { "-" } else { "" };
        match self.whole.is_empty() && self.fraction.is_empty() {
            true => "0".to_string(),
            false => format!("{sign}{}{}", self.whole, self.fraction),
        }
    }

    fn is_zero(&self) -> bool {
        let mut digits = self.whole.bytes().chain(self.fraction.bytes());
        digits.all(|digit| digit == b'0')
    }

    /// Writes the text form.
    pub fn write_text(&self, out: &mut BytesMut) {
        if self.negative && !self.is_zero() {
            out.put_u8(b'-');
        }
        match self.whole.is_empty() {
            true => out.put_u8(b'0'),
            false => out.put_slice(self.whole.as_bytes()),
        }
        if !self.fraction.is_empty() {
            out.put_u8(b'.');
            out.put_slice(self.fraction.as_bytes());
        }
    }

    /// Writes the binary form.
    pub fn write_binary(&self, out: &mut BytesMut) {
        let padding = self.whole.len().next_multiple_of(GROUP) - self.whole.len();
        let mut digits = "0".repeat(padding) + &self.whole;
        let whole_groups = digits.len() / GROUP;
        digits.push_str(&self.fraction);
        let length = digits.len().next_multiple_of(GROUP);
        digits.push_str(&"0".repeat(length - digits.len()));
        let groups: Vec<u16> = digits
            .as_bytes()
            .chunks(GROUP)
            .map(|group| {
                group
                    .iter()
                    .fold(0, |n, digit| n * 10 + u16::from(digit - b'0'))
            })
            .collect();
        let leading = groups.iter().take_while(|group| **group == 0).count();
        let trailing = groups.iter().rev().take_while(|group| **group == 0).count();
        // Some clients read groups that are left out before the point as an exponent.
        let end = (groups.len() - trailing).max(whole_groups);
        let (groups, weight) = match leading == groups.len() {
            true => (&[][..], 0),
            false => (
                &groups[leading..end],
                whole_groups as i16 - 1 - leading as i16,
            ),
        };
        out.put_u16(groups.len() as u16);
        out.put_i16(weight);
        out.put_u16(match self.negative && !groups.is_empty() {
            true => NEGATIVE,
            false => POSITIVE,
        });
        out.put_u16(self.fraction.len() as u16);
        for group in groups {
            out.put_u16(*group);
        }
    }

    /// Reads the binary form.
    ///
    /// # Errors
    /// What is wrong with it; a value that is no finite number.
    pub fn read_binary(bytes: &[u8]) -> Result<Self, String> {
        const HEADER: usize = 8;
        let number = |at: usize| {
            bytes
                .get(at..at + 2)
                .map(|two| u16::from_be_bytes([two[0], two[1]]))
        };
        let header = || Some((number(0)?, number(2)?, number(4)?, number(6)?));
        let (count, weight, sign, scale) = header().ok_or("it is too short")?;
        let (weight, scale) = (i32::from(weight as i16), usize::from(scale));
        let negative = match sign {
            POSITIVE => false,
            NEGATIVE => true,
            NAN => return Err("NaN is not a decimal".to_string()),
            POSITIVE_INFINITY | NEGATIVE_INFINITY => {
                return Err("infinity is not a decimal".to_string());
            }
            _ => return Err("its sign is invalid".to_string()),
        };
        let count = usize::from(count);
        if bytes.len() != HEADER + 2 * count {
            return Err("its length does not match its number of digits".to_string());
        }
        // Bounds the digits before they are written.
        if weight > MAX_DIGITS as i32 || weight < -(MAX_DIGITS as i32) || scale > MAX_DIGITS {
            return Err(format!("it has more than {MAX_DIGITS} digits"));
        }
        let group_at = |position: i32| {
            let at = usize::try_from(weight - position).ok()?;
            (at < count).then(|| number(HEADER + 2 * at)).flatten()
        };
        let digits = |positions: &mut dyn Iterator<Item = i32>| -> Result<String, String> {
            let mut text = String::new();
            for position in positions {
                let group = group_at(position).unwrap_or(0);
                if group > 9999 {
                    return Err("a group of its digits is more than 9999".to_string());
                }
                text.push_str(&format!("{group:04}"));
            }
            Ok(text)
        };
        let whole = digits(&mut (0..=weight).rev())?;
        let groups = scale.div_ceil(GROUP) as i32;
        let mut fraction = digits(&mut (1..=groups).map(|position| -position))?;
        fraction.truncate(scale);
        Ok(Self {
            negative,
            whole: whole.trim_start_matches('0').to_string(),
            fraction,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(digits: &Digits) -> String {
        let mut out = BytesMut::new();
        digits.write_text(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn scales_place_the_point() {
        for (unscaled, scale, expected) in [
            (0_i128, 0, "0"),
            (0, 2, "0.00"),
            (5, 4, "0.0005"),
            (-99, 4, "-0.0099"),
            (-110, 2, "-1.10"),
            (12, -3, "12000"),
            (0, -3, "0"),
            (i128::MAX, 38, "1.70141183460469231731687303715884105727"),
        ] {
            assert_eq!(text(&Digits::of(unscaled, scale)), expected);
        }
    }

    #[test]
    fn binary_values_come_back() {
        for sql in [
            "0",
            "0.00",
            "1",
            "-1.10",
            "0.0001",
            "0.00000001",
            "0.00001234",
            "10000",
            "100000000.000",
            "-10000.0000",
            "9999.9999",
            "12345678.00001234",
            "1234567890123456789012345678.0001",
        ] {
            let digits = Digits::parse(sql).unwrap();
            let mut out = BytesMut::new();
            digits.write_binary(&mut out);
            assert_eq!(text(&Digits::read_binary(&out).unwrap()), sql);
        }
    }

    #[test]
    fn zero_groups_are_left_out_at_the_ends_only() {
        let mut out = BytesMut::new();
        Digits::parse("0.00001234").unwrap().write_binary(&mut out);
        // One group, weight -2, positive, scale 8, 1234.
        assert_eq!(out.as_ref(), [0, 1, 0xff, 0xfe, 0, 0, 0, 8, 0x04, 0xd2]);
    }

    #[test]
    fn exponents_move_the_point() {
        for (written, expected) in [
            ("1e3", "1000"),
            ("12.5e-3", "0.0125"),
            ("+.5", "0.5"),
            ("1.25E1", "12.5"),
        ] {
            assert_eq!(text(&Digits::parse(written).unwrap()), expected);
        }
        for wrong in ["", ".", "-", "1e", "1e999", "NaN", "1_000", "0x10"] {
            assert_eq!(Digits::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn damaged_binary_values_are_refused() {
        let infinity = [0, 0, 0, 0, 0xd0, 0, 0, 0];
        let huge = [0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 1];
        let group = [0, 1, 0, 0, 0, 0, 0, 0, 0x27, 0x10];
        for wrong in [&[][..], &[0, 1, 0, 0, 0, 0, 0, 0], &infinity, &huge, &group] {
            assert!(Digits::read_binary(wrong).is_err(), "{wrong:?}");
        }
    }
}
