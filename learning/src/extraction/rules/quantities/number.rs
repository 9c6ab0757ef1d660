//! Numbers as texts write them: separators, fractions, mixed numbers.

/// A number and its place in the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextNumber {
    pub start: usize,
    pub end: usize,
    pub value: f64,
    /// Written with digits only, or with separators of thousands.
    pub is_integer: bool,
}

/// Longest number in bytes. Longer runs of digits are codes.
const MAX_NUMBER_BYTES: usize = 24;

/// Denominators of fractions that measures use.
const DENOMINATORS: &[f64] = &[2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 32.0, 64.0];

/// The number at `at`: a digit, a point before a digit, or a fraction character.
pub fn read_number(text: &str, at: usize) -> Option<TextNumber> {
    let bytes = text.as_bytes();
    let whole_end = run_end(bytes, at);
    let (mut value, mut end, mut is_integer) = if whole_end > at {
        let (value, is_integer) = separated_value(&text[at..whole_end])?;
        (value, whole_end, is_integer)
    } else {
        let (value, length) = fraction_character(&text[at..])?;
        return Some(TextNumber {
            start: at,
            end: at + length,
            value,
            is_integer: false,
        });
    };
    if is_integer {
        if let Some((fraction, fraction_end)) = fraction_after(text, end) {
            value += fraction;
            end = fraction_end;
            is_integer = false;
        } else if let Some((denominator, fraction_end)) = denominator_after(text, end)
            && value > 0.0
            && value < denominator
        {
            value /= denominator;
            end = fraction_end;
            is_integer = false;
        }
    }
    Some(TextNumber {
        start: at,
        end,
        value,
        is_integer,
    })
}

/// End of the digits and separators at `at`, without separators at the end.
pub fn run_end(bytes: &[u8], at: usize) -> usize {
    let mut end = at;
    let mut last_digit = at;
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' => last_digit = end + 1,
            b'.' | b',' => {
                let next_is_digit = bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
                if !next_is_digit {
                    break;
                }
            }
            _ => break,
        }
        end += 1;
    }
    last_digit
}

/// Value of digits with separators, and whether it is a whole number.
fn separated_value(run: &str) -> Option<(f64, bool)> {
    if run.len() > MAX_NUMBER_BYTES {
        return None;
    }
    let points = run.matches('.').count();
    let commas = run.matches(',').count();
    let (thousands, decimal) = match (points, commas) {
        (0, 0) => (None, None),
        (1, 0) => (None, Some('.')),
        (_, 0) => (Some('.'), None),
        (0, 1) if has_groups_of_three(run, ',') => (Some(','), None),
        (0, 1) => (None, Some(',')),
        (0, _) => (Some(','), None),
        // The last separator is the decimal one.
        (_, 1) if run.rfind(',') > run.rfind('.') => (Some('.'), Some(',')),
        (1, _) if run.rfind('.') > run.rfind(',') => (Some(','), Some('.')),
        _ => return None,
    };
    let whole = decimal.map_or(run, |mark| run.split(mark).next().unwrap_or(run));
    if let Some(mark) = thousands
        && whole.contains(mark)
        && !has_groups_of_three(whole, mark)
    {
        return None;
    }
    let mut digits: String = run.chars().filter(|c| Some(*c) != thousands).collect();
    if decimal == Some(',') {
        digits = digits.replace(',', ".");
    }
    Some((digits.parse().ok()?, decimal.is_none()))
}

/// Whether `mark` separates groups of three digits, as in `1,000` but not `0,500`.
fn has_groups_of_three(run: &str, mark: char) -> bool {
    let mut groups = run.split(mark);
    let first = groups.next().unwrap_or("");
    (1..=3).contains(&first.len())
        && !first.starts_with('0')
        && groups.all(|group| group.len() == 3)
}

/// Value and bytes of a fraction character at the start of `text`.
fn fraction_character(text: &str) -> Option<(f64, usize)> {
    let c = text.chars().next()?;
    let value = match c {
        '¼' => 0.25,
        '½' => 0.5,
        '¾' => 0.75,
        '⅐' => 1.0 / 7.0,
        '⅑' => 1.0 / 9.0,
        '⅒' => 0.1,
        '⅓' => 1.0 / 3.0,
        '⅔' => 2.0 / 3.0,
        '⅕' => 0.2,
        '⅖' => 0.4,
        '⅗' => 0.6,
        '⅘' => 0.8,
        '⅙' => 1.0 / 6.0,
        '⅚' => 5.0 / 6.0,
        '⅛' => 0.125,
        '⅜' => 0.375,
        '⅝' => 0.625,
        '⅞' => 0.875,
        _ => return None,
    };
    Some((value, c.len_utf8()))
}

/// The fraction of a mixed number: `½`, ` 3/4` or `-3/4` at `at`.
fn fraction_after(text: &str, at: usize) -> Option<(f64, usize)> {
    let rest = &text[at..];
    let mark = if rest.starts_with([' ', '-']) { 1 } else { 0 };
    if let Some((value, length)) = fraction_character(&rest[mark..]) {
        return Some((value, at + mark + length));
    }
    if mark == 0 {
        return None;
    }
    let start = at + mark;
    let numerator_end = digits_end(text, start);
    if !(1..=2).contains(&(numerator_end - start)) {
        return None;
    }
    let numerator: f64 = text[start..numerator_end].parse().ok()?;
    let (denominator, end) = denominator_after(text, numerator_end)?;
    (numerator > 0.0 && numerator < denominator).then_some((numerator / denominator, end))
}

/// The `/4` of a fraction at `at`.
fn denominator_after(text: &str, at: usize) -> Option<(f64, usize)> {
    let slash = text[at..]
        .chars()
        .next()
        .filter(|c| matches!(c, '/' | '⁄'))?;
    let start = at + slash.len_utf8();
    let end = digits_end(text, start);
    if !(1..=2).contains(&(end - start)) {
        return None;
    }
    let denominator: f64 = text[start..end].parse().ok()?;
    DENOMINATORS
        .contains(&denominator)
        .then_some((denominator, end))
}

fn digits_end(text: &str, at: usize) -> usize {
    let digits = text.as_bytes()[at..]
        .iter()
        .take_while(|b| b.is_ascii_digit());
    at + digits.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_and_fractions_are_understood() {
        for (text, value, length) in [
            ("330 ml", 330.0, 3),
            ("4.5", 4.5, 3),
            ("4,5 l", 4.5, 3),
            ("1,000/Box", 1000.0, 5),
            ("0,500 l", 0.5, 5),
            ("1.000.000", 1e6, 9),
            ("1.234,5", 1234.5, 7),
            ("1,234.5", 1234.5, 7),
            ("4 3/4 x 2", 4.75, 5),
            ("1-1/2\"", 1.5, 5),
            ("1/2 in", 0.5, 3),
            ("4½ in", 4.5, 3),
            ("½ in", 0.5, 2),
            (".5 l", 0.5, 2),
            ("5. Next", 5.0, 1),
            ("5, 6", 5.0, 1),
            ("24/7", 24.0, 2),
            ("1 2", 1.0, 1),
        ] {
            let number = read_number(text, 0).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((number.value, number.end), (value, length), "{text}");
        }
    }

    #[test]
    fn versions_lists_and_long_codes_are_not_numbers() {
        let long = "1".repeat(10_000);
        for text in ["1.2.3", "10,20,30", "1,2.3,4", &long, "abc", "", "é"] {
            assert_eq!(read_number(text, 0), None, "{text:.20}");
        }
    }
}
