//! Numbers as text.

/// A number with the few digits that a reader needs.
pub fn format_number(value: f64) -> String {
    if value == value.trunc() && value.abs() < 1e15 {
        // Adding zero turns negative zero into zero.
        format!("{:.0}", value + 0.0)
    } else if value.abs() >= 0.01 && value.abs() < 1e6 {
        let text = format!("{value:.3}");
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        format!("{value:.3e}")
    }
}

/// Least number of an axis whose digits are grouped; years are below it.
pub const MIN_GROUPED: f64 = 10_000.0;

/// Digits of a long number that are grouped; years have fewer.
const MIN_GROUPED_DIGITS: usize = 5;

/// A number whose digits are grouped in threes from five digits on.
pub fn group_long_digits(text: &str) -> String {
    let (start, end) = integer_part(text);
    if end - start < MIN_GROUPED_DIGITS || text[end..].starts_with('e') {
        return text.to_string();
    }
    group_digits(text)
}

/// A number whose digits are grouped in threes from four digits on, for texts
/// beside longer ones.
pub fn group_digits(text: &str) -> String {
    let (start, end) = integer_part(text);
    let mut grouped = text[..start].to_string();
    for (at, digit) in text[start..end].char_indices() {
        if at > 0 && (end - start - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped.push_str(&text[end..]);
    grouped
}

/// Start and end of the digits before the point.
fn integer_part(text: &str) -> (usize, usize) {
    let start = usize::from(text.starts_with('-'));
    let end = text[start..]
        .find(|c: char| !c.is_ascii_digit())
        .map_or(text.len(), |length| start + length);
    (start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let numbers = [0.0, -0.0, 1_118_658.0, 2.5, 0.0625, 1e-7, -12.3456];
        let texts: Vec<String> = numbers.into_iter().map(format_number).collect();
        assert_eq!(
            texts,
            ["0", "0", "1118658", "2.5", "0.062", "1.000e-7", "-12.346"]
        );
    }

    #[test]
    fn digits_of_long_numbers_are_grouped() {
        let numbers = ["2024", "1118658", "-12345.678", "999", "1.000e-7", ""];
        let texts: Vec<String> = numbers.into_iter().map(group_long_digits).collect();
        assert_eq!(
            texts,
            ["2024", "1,118,658", "-12,345.678", "999", "1.000e-7", ""]
        );
        assert_eq!(group_digits("2024"), "2,024");
    }
}
