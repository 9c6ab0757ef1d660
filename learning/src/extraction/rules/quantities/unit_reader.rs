//! The unit after a number.

use super::number::TextNumber;
use super::text_around::{char_after, is_space, skip_spaces};
use super::unit::Unit;
use super::unit_lookup::{MAX_SPELLING_BYTES, unit_of_spelling};
use super::unit_plausibility::{UnitGap, UnitReading, is_plausible};

/// Feet from which on a mark is a quotation mark: `in 2017'`.
const MAX_MARKED_FEET: f64 = 1000.0;

/// The unit of `number`, and the end of the unit. `quote_is_open` tells whether a
/// quotation mark after the number closes a quotation.
pub fn read_unit(
    text: &str,
    number: &TextNumber,
    quote_is_open: bool,
) -> Option<(&'static Unit, usize)> {
    let (gap, start) = gap_after(text, number.end);
    let reading = |unit, end| UnitReading {
        unit,
        spelling: &text[start..end],
        gap,
        number,
        end,
    };
    if gap == UnitGap::None
        && let Some((unit, end)) = mark_unit(text, start, quote_is_open)
    {
        let is_plausible = unit.name != "ft" || number.value < MAX_MARKED_FEET;
        return is_plausible.then_some((unit, end));
    }
    let candidates = spellings(text, start);
    for (spelling, end) in candidates.iter().rev() {
        if let Some(unit) = unit_of_spelling(spelling)
            && is_plausible(text, &reading(unit, *end))
        {
            return Some((unit, *end));
        }
    }
    None
}

fn gap_after(text: &str, at: usize) -> (UnitGap, usize) {
    let spaces = skip_spaces(text, at);
    if spaces > at {
        return (UnitGap::Space, spaces);
    }
    let mark = char_after(text, at);
    let is_letter_after = |end: usize| char_after(text, end).is_some_and(char::is_alphabetic);
    match mark {
        Some(c @ ('-' | '\u{2010}' | '\u{2011}')) if is_letter_after(at + c.len_utf8()) => {
            (UnitGap::Hyphen, at + c.len_utf8())
        }
        Some('/') => {
            let after = skip_spaces(text, at + 1);
            if is_letter_after(after) {
                (UnitGap::Slash, after)
            } else {
                (UnitGap::None, at)
            }
        }
        _ => (UnitGap::None, at),
    }
}

/// Inch and foot marks.
fn mark_unit(text: &str, at: usize, quote_is_open: bool) -> Option<(&'static Unit, usize)> {
    let c = char_after(text, at)?;
    let end = at + c.len_utf8();
    let next = char_after(text, end);
    let (spelling, end) = match c {
        '"' if quote_is_open => return None,
        '"' | '”' | '″' => ("\"", end),
        '\'' | '’' if next == Some(c) => ("\"", end + c.len_utf8()),
        '\'' | '’' | '′' => {
            // A letter after it makes it an apostrophe: 80's.
            if quote_is_open || next.is_some_and(char::is_alphabetic) {
                return None;
            }
            ("'", end)
        }
        _ => return None,
    };
    Some((unit_of_spelling(spelling)?, end))
}

/// Possible spellings at `start` with their ends, from short to long.
fn spellings(text: &str, start: usize) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let Some(first_end) = piece_end(text, start) else {
        return found;
    };
    let first = &text[start..first_end];
    if let Some(shorter) = first.strip_suffix(['x', 'X'])
        && !shorter.is_empty()
        && char_after(text, first_end).is_some_and(|c| c.is_ascii_digit())
    {
        // The separator of `30cmx40cm`.
        return vec![(shorter.to_string(), first_end - 1)];
    }
    let mut key = first.to_string();
    if has_boundary(text, first_end) {
        found.push((key.clone(), first_end));
    } else {
        return found;
    }
    let mut end = first_end;
    if char_after(text, end) == Some('/')
        && let Some(second_end) = piece_end(text, end + 1)
        && has_boundary(text, second_end)
    {
        found.push((text[start..second_end].to_string(), second_end));
        return found;
    }
    for _ in 0..2 {
        let separators: usize = text[end..]
            .chars()
            .take(2)
            .take_while(|c| *c == '.' || is_space(*c))
            .map(char::len_utf8)
            .sum();
        let Some(next_end) = piece_end(text, end + separators).filter(|_| separators > 0) else {
            break;
        };
        key.push(' ');
        key.push_str(&text[end + separators..next_end]);
        end = next_end;
        if key.len() > MAX_SPELLING_BYTES || !has_boundary(text, end) {
            break;
        }
        found.push((key.clone(), end));
    }
    found
}

/// End of the letters and unit signs at `at`.
fn piece_end(text: &str, at: usize) -> Option<usize> {
    let mut end = at;
    for (letters, c) in text[at..].chars().enumerate() {
        let is_exponent = matches!(c, '2' | '3') && (1..=2).contains(&letters);
        let is_sign = matches!(
            c,
            '°' | 'º' | '²' | '³' | '%' | '$' | '€' | '£' | '¥' | '₹' | '℃' | '℉'
        );
        if is_exponent {
            let next = char_after(text, end + 1);
            let ends = next.is_none_or(|next| !next.is_alphanumeric());
            return Some(if ends { end + 1 } else { end });
        }
        if !c.is_alphabetic() && !is_sign {
            break;
        }
        end += c.len_utf8();
        if end - at > MAX_SPELLING_BYTES {
            return None;
        }
    }
    (end > at).then_some(end)
}

fn has_boundary(text: &str, at: usize) -> bool {
    char_after(text, at).is_none_or(|c| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::super::number::read_number;
    use super::*;

    fn unit(text: &str) -> Option<&'static str> {
        let number = read_number(text, 0)?;
        read_unit(text, &number, false).map(|(unit, _)| unit.name)
    }

    #[test]
    fn units_follow_numbers() {
        for (text, expected) in [
            ("330 ml", "ml"),
            ("330ML,", "ml"),
            ("12 fl. oz.", "fl oz"),
            ("12 Fl Oz bottle", "fl oz"),
            ("3 sq. ft. x", "ft²"),
            ("5 m2", "m²"),
            ("5m²", "m²"),
            ("100 km/h", "km/h"),
            ("30cmx40cm", "cm"),
            ("5\" screen", "in"),
            ("5''", "in"),
            ("6' cable", "ft"),
            ("1/2-Ounce", "oz"),
            ("24-pack", ""),
            ("1,000/Box", ""),
            ("20 °C", "°C"),
            ("99.9%", "%"),
            ("10 in.", "in"),
            ("10 in wide", "in"),
            ("220 m away", "m"),
        ] {
            assert_eq!(unit(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_words_are_not_units() {
        for text in [
            "2 in 1",
            "3-in-1",
            "3 in the box",
            "4G phone",
            "5g network",
            "802.11g",
            "73-L-10",
            "3M tape",
            "10KX",
            "80's",
            "5 lbsx",
            "12V2A",
            "25K pages",
            "6 case",
            "4/5",
            "10",
            "10 ",
            "1.5 pieces",
        ] {
            assert_eq!(unit(text), None, "{text}");
        }
    }
}
