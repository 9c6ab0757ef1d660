//! Numbers in a format.

use super::number_template::{NumberPart, NumberTemplate, SignPlace};

/// Decimal digits of a number.
pub struct NumberDigits {
    pub is_negative: bool,
    /// Digits before the point, without leading zeros.
    pub whole: String,
    /// Digits after the point.
    pub fraction: String,
}

impl NumberDigits {
    /// Digits of a text such as `-12.50`; `None` for NaN and infinities.
    pub fn of_text(text: &str) -> Option<Self> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_decimal = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_decimal(whole) || !is_decimal(fraction) {
            return None;
        }
        Some(Self {
            is_negative,
            whole: whole.trim_start_matches('0').to_string(),
            fraction: fraction.to_string(),
        })
    }

    /// Rounds halves away from zero.
    pub fn rounded(mut self, fraction: usize) -> Self {
        if self.fraction.len() <= fraction {
            let zeros = fraction - self.fraction.len();
            self.fraction.push_str(&"0".repeat(zeros));
            return self;
        }
        let carries = self.fraction.as_bytes()[fraction] >= b'5';
        self.fraction.truncate(fraction);
        if carries {
            let mut digits: Vec<u8> = self.whole.bytes().chain(self.fraction.bytes()).collect();
            let mut at = digits.len();
            loop {
                if at == 0 {
                    digits.insert(0, b'1');
                    break;
                }
                at -= 1;
                if digits[at] < b'9' {
                    digits[at] += 1;
                    break;
                }
                digits[at] = b'0';
            }
            let text: String = digits.into_iter().map(char::from).collect();
            let (whole, rest) = text.split_at(text.len() - fraction);
            self.whole = whole.trim_start_matches('0').to_string();
            self.fraction = rest.to_string();
        }
        self
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.bytes().all(|digit| digit == b'0')
    }
}

/// Writes a number in a format. A number with more digits than the format is written in
/// number signs, as in Postgres.
pub fn write(number: NumberDigits, template: &NumberTemplate) -> String {
    let number = number.rounded(template.fraction);
    let is_negative = number.is_negative && !number.is_zero();
    let overflows = number.whole.len() > template.whole;
    let whole: Vec<char> = format!("{:>width$}", number.whole, width = template.whole)
        .chars()
        .collect();
    let fraction: Vec<char> = number.fraction.chars().collect();
    // With FM, zeros at the end show only where the format has a 0.
    let shown_fraction = match template.is_bare {
        true => shown_fraction(&fraction, template),
        false => fraction.len(),
    };
    let mut writer = NumberWriter::default();
    let (mut at, mut after_point) = (0, false);
    let mut is_started = false;
    for part in &template.parts {
        match part {
            NumberPart::Digit { shows_zero } if !after_point => {
                is_started |= *shows_zero;
                let digit = whole.get(at).copied().unwrap_or(' ');
                at += 1;
                let is_last = at == template.whole;
                let shown = match digit {
                    _ if overflows => '#',
                    ' ' if is_started || (is_last && template.fraction == 0) => '0',
                    digit => digit,
                };
                is_started |= shown != ' ';
                writer.digit(shown, template.is_bare);
            }
            NumberPart::Digit { .. } => {
                let position = at - template.whole;
                at += 1;
                if position < shown_fraction {
                    let digit = fraction.get(position).copied().unwrap_or('0');
                    writer.digit(if overflows { '#' } else { digit }, template.is_bare);
                }
            }
            NumberPart::Point => {
                after_point = true;
                at = template.whole;
                writer.digit('.', template.is_bare);
            }
            NumberPart::Group => match is_started {
                true => writer.push(','),
                false => writer.digit(' ', template.is_bare),
            },
            NumberPart::Sign(SignPlace::Fixed) => writer.push(if is_negative { '-' } else { '+' }),
            NumberPart::Sign(SignPlace::Minus) => {
                writer.mark(is_negative.then_some('-'), template.is_bare);
            }
            NumberPart::Sign(SignPlace::Plus) => {
                writer.mark((!is_negative).then_some('+'), template.is_bare);
            }
            // Written around the number below.
            NumberPart::Sign(SignPlace::Anchored | SignPlace::Brackets) => {}
            NumberPart::Currency => writer.push('$'),
            NumberPart::Ordinal { is_upper } => {
                if !is_negative {
                    let suffix = ordinal(&number.whole);
                    let suffix = if *is_upper {
                        suffix.to_uppercase()
                    } else {
                        suffix.to_string()
                    };
                    suffix.chars().for_each(|ch| writer.push(ch));
                }
            }
            NumberPart::Text(text) => text.chars().for_each(|ch| writer.push(ch)),
        }
    }
    writer.with_sign(is_negative, template)
}

/// Number of digits after the point that FM shows.
fn shown_fraction(fraction: &[char], template: &NumberTemplate) -> usize {
    let digits = template
        .parts
        .iter()
        .skip_while(|part| **part != NumberPart::Point);
    let zeros = digits.filter_map(|part| match part {
        NumberPart::Digit { shows_zero } => Some(*shows_zero),
        _ => None,
    });
    let required = zeros
        .enumerate()
        .filter(|(_, shows_zero)| *shows_zero)
        .last()
        .map_or(0, |(at, _)| at + 1);
    let significant = fraction
        .iter()
        .rposition(|digit| *digit != '0')
        .map_or(0, |at| at + 1);
    required.max(significant)
}

#[derive(Default)]
struct NumberWriter {
    out: Vec<char>,
    /// Place of the first character of the number.
    first: Option<usize>,
    /// Place behind its last character.
    end: usize,
}

impl NumberWriter {
    fn push(&mut self, ch: char) {
        self.out.push(ch);
    }

    fn digit(&mut self, ch: char, is_bare: bool) {
        if ch == ' ' {
            if !is_bare {
                self.out.push(' ');
            }
            return;
        }
        self.first.get_or_insert(self.out.len());
        self.out.push(ch);
        self.end = self.out.len();
    }

    fn mark(&mut self, mark: Option<char>, is_bare: bool) {
        match mark {
            Some(mark) => self.out.push(mark),
            None if !is_bare => self.out.push(' '),
            None => {}
        }
    }

    fn with_sign(mut self, is_negative: bool, template: &NumberTemplate) -> String {
        let signs = template.parts.iter().enumerate();
        let mut sign = signs.filter_map(|(at, part)| match part {
            NumberPart::Sign(place) => Some((at, *place)),
            _ => None,
        });
        let is_digit = |part: &NumberPart| matches!(part, NumberPart::Digit { .. });
        let last_digit = template.parts.iter().rposition(is_digit).unwrap_or(0);
        let first = self.first.unwrap_or(self.out.len());
        match sign.next_back() {
            Some((at, SignPlace::Anchored)) => {
                let mark = if is_negative { '-' } else { '+' };
                let place = if at > last_digit { self.end } else { first };
                self.out.insert(place, mark);
            }
            Some((_, SignPlace::Brackets)) => {
                if is_negative {
                    self.out.insert(self.end, '>');
                    self.out.insert(first, '<');
                } else if !template.is_bare {
                    self.out.insert(self.end, ' ');
                    self.out.insert(first, ' ');
                }
            }
            Some(_) => {}
            None => match (is_negative, template.is_bare) {
                (true, _) => self.out.insert(first, '-'),
                (false, false) => self.out.insert(first, ' '),
                (false, true) => {}
            },
        }
        self.out.into_iter().collect()
    }
}

/// `st`, `nd`, `rd`, `th`.
fn ordinal(whole: &str) -> &'static str {
    let bytes = whole.as_bytes();
    let is_teen = bytes.len() >= 2 && bytes[bytes.len() - 2] == b'1';
    match bytes.last() {
        Some(b'1') if !is_teen => "st",
        Some(b'2') if !is_teen => "nd",
        Some(b'3') if !is_teen => "rd",
        _ => "th",
    }
}

#[cfg(test)]
mod tests {
    use super::super::number_template::parse;
    use super::*;

    #[test]
    fn numbers_are_written_as_in_postgres() {
        for (number, format, expected) in [
            ("485", "999", " 485"),
            ("-485", "999", "-485"),
            ("485", "9 9 9", " 4 8 5"),
            ("1485", "9,999", " 1,485"),
            ("485", "9,999", "   485"),
            ("148.5", "999.999", " 148.500"),
            ("148.5", "FM999.999", "148.5"),
            ("148.5", "FM999.990", "148.500"),
            ("12", "9990999.9", "    0012.0"),
            ("12", "FM9990999.9", "0012."),
            ("-0.1", "99.99", "  -.10"),
            ("-0.1", "FM9.99", "-.1"),
            ("0.1", "0.9", " 0.1"),
            ("0", "9", " 0"),
            ("0", "999", "   0"),
            ("-485", "999S", "485-"),
            ("-485", "999MI", "485-"),
            ("485", "999MI", "485 "),
            ("485", "FM999MI", "485"),
            ("485", "PL999", "+485"),
            ("-485", "SG999", "-485"),
            ("-485", "9SG99", "4-85"),
            ("-485", "999PR", "<485>"),
            ("482", "999th", " 482nd"),
            ("485", "\"Good number:\"999", "Good number: 485"),
            ("1234567.891", "FM999,999,990.00", "1,234,567.89"),
            ("99.995", "999.99", " 100.00"),
            ("1485", "999", " ###"),
            ("-0.001", "9.99", "  .00"),
        ] {
            let digits = NumberDigits::of_text(number).unwrap();
            assert_eq!(
                write(digits, &parse(format).unwrap()),
                expected,
                "{number} {format}"
            );
        }
        assert!(parse("9.9.9").is_err() && parse("RN").is_err() && parse("9.99EEEE").is_err());
    }
}
