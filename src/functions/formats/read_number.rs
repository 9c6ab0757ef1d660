//! Numbers read from a text by a format.

use super::number_template::{NumberPart, NumberTemplate, SignPlace};

/// Reads a number as a decimal text, such as `-12454.8`.
///
/// # Errors
/// A text without digits, or with more of them than the format.
pub fn read(text: &str, template: &NumberTemplate) -> Result<String, String> {
    let mut rest = text.trim();
    let mut is_negative = false;
    let (mut whole, mut fraction) = (String::new(), String::new());
    let mut after_point = false;
    for part in &template.parts {
        rest = take_sign(rest.trim_start(), &mut is_negative);
        match part {
            NumberPart::Digit { .. } => {
                let Some(digit) = rest.chars().next().filter(char::is_ascii_digit) else {
                    continue;
                };
                // The text may have fewer digits before its point than the format.
                match after_point {
                    true => fraction.push(digit),
                    false => whole.push(digit),
                }
                rest = &rest[1..];
            }
            NumberPart::Point => {
                if let Some(after) = rest.strip_prefix('.') {
                    rest = after;
                    after_point = true;
                }
            }
            NumberPart::Group => rest = rest.strip_prefix(',').unwrap_or(rest),
            NumberPart::Currency => rest = rest.strip_prefix('$').unwrap_or(rest),
            NumberPart::Sign(SignPlace::Brackets) => {
                rest = rest.strip_prefix('>').unwrap_or(rest);
            }
            NumberPart::Sign(_) => {}
            NumberPart::Ordinal { .. } => rest = rest.get(2..).unwrap_or_default(),
            NumberPart::Text(text) => rest = rest.strip_prefix(text.as_str()).unwrap_or(rest),
        }
    }
    rest = take_sign(rest, &mut is_negative).trim();
    if !rest.is_empty() {
        return Err(format!("'{rest}' is left over"));
    }
    if whole.is_empty() && fraction.is_empty() {
        return Err("it has no digits".to_string());
    }
    let sign = if is_negative { "-" } else { "" };
    let whole = if whole.is_empty() { "0" } else { &whole };
    Ok(match fraction.is_empty() {
        true => format!("{sign}{whole}"),
        false => format!("{sign}{whole}.{fraction}"),
    })
}

/// Skips a sign, or an opening bracket.
fn take_sign<'a>(rest: &'a str, is_negative: &mut bool) -> &'a str {
    match rest.chars().next() {
        Some('-' | '<') => {
            *is_negative = true;
            &rest[1..]
        }
        Some('+') => &rest[1..],
        _ => rest,
    }
}

#[cfg(test)]
mod tests {
    use super::super::number_template::parse;
    use super::*;

    #[test]
    fn numbers_are_read_as_in_postgres() {
        for (text, format, expected) in [
            ("12,454.8-", "99G999D9S", "-12454.8"),
            ("-34,338,492", "99G999G999", "-34338492"),
            ("485", "999", "485"),
            ("$1,234.50", "L9,999.99", "1234.50"),
            ("<42>", "99PR", "-42"),
            (".5", "9.9", "0.5"),
        ] {
            let template = parse(format).unwrap();
            assert_eq!(read(text, &template).as_deref(), Ok(expected), "{text}");
        }
        for (text, format) in [("abc", "999"), ("", "9"), ("12345", "99"), ("é", "9TH")] {
            assert!(read(text, &parse(format).unwrap()).is_err(), "{text}");
        }
    }
}
