//! Ambiguous units: whether a spelling after a number means a unit.

use super::number::TextNumber;
use super::text_around::{char_after, skip_spaces, word_after};
use super::unit::{Dimension, Unit};

/// What is between a number and its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitGap {
    None,
    Space,
    Hyphen,
    Slash,
}

/// A possible unit of a number.
#[derive(Debug)]
pub struct UnitReading<'a> {
    pub unit: &'static Unit,
    pub spelling: &'a str,
    pub gap: UnitGap,
    pub number: &'a TextNumber,
    pub end: usize,
}

/// Words after `10 in` that make `in` a unit.
const AFTER_INCHES: &[&str] = &[
    "x", "by", "w", "h", "d", "l", "wide", "width", "long", "length", "tall", "high", "height",
    "deep", "depth", "thick", "diameter", "dia", "round", "square", "screen", "display", "monitor",
    "lcd", "led", "tv", "to",
];

/// Singular nouns that a number above one does not count: `iPhone 6 case`.
const CONTAINERS: &[&str] = &[
    "box", "case", "bag", "set", "lot", "carton", "roll", "sheet", "unit", "package", "packet",
    "pair", "each",
];

/// Most pieces that a text counts.
const MAX_PIECES: f64 = 1e6;

/// Whether the reading is a unit rather than a word or a part of a name.
pub fn is_plausible(text: &str, reading: &UnitReading<'_>) -> bool {
    let UnitReading {
        unit,
        spelling,
        gap,
        number,
        end,
    } = *reading;
    let is_count = unit.dimension == Dimension::Count;
    if gap == UnitGap::Slash && !is_count {
        return false;
    }
    let is_letter = spelling.chars().count() == 1 && spelling.chars().all(char::is_alphabetic);
    if gap == UnitGap::Hyphen && is_letter && !matches!(spelling, "W" | "V") {
        return false;
    }
    if is_count && !(number.is_integer && number.value >= 1.0 && number.value <= MAX_PIECES) {
        return false;
    }
    match spelling {
        "in" | "In" | "IN" => is_inches(text, gap, end),
        // Network generations, and sizes of memory.
        "g" | "G" => {
            let is_generation =
                gap == UnitGap::None && number.is_integer && (2.0..=6.0).contains(&number.value);
            let is_memory = spelling == "G"
                && gap == UnitGap::None
                && number.is_integer
                && number.value >= 8.0
                && (number.value as u64).is_power_of_two();
            !is_generation && !is_memory && number.value != 802.11
        }
        // Years and a maker of cars.
        "GM" => !(gap == UnitGap::Space && (1900.0..2100.0).contains(&number.value)),
        "cl" | "CL" | "dl" | "DL" => gap == UnitGap::Space || number.value < 1000.0,
        "M" => !(gap == UnitGap::None && number.value == 3.0),
        "H" => false,
        "K" => number.value >= 1000.0,
        "rs" | "Rs" | "RS" => false,
        _ if is_count => {
            let is_container = CONTAINERS
                .iter()
                .any(|container| spelling.eq_ignore_ascii_case(container));
            !is_container || number.value == 1.0 || matches!(gap, UnitGap::Slash | UnitGap::Hyphen)
        }
        _ => true,
    }
}

/// Whether `in` is a unit: not in `2 in 1`, `3-in-1`, `5 in the box`.
fn is_inches(text: &str, gap: UnitGap, end: usize) -> bool {
    let next = char_after(text, end);
    if gap == UnitGap::Hyphen || next == Some('-') {
        return !(next == Some('-')
            && char_after(text, end + 1).is_some_and(char::is_alphanumeric));
    }
    let after = skip_spaces(text, end);
    let word = word_after(text, after);
    match char_after(text, after) {
        None => true,
        Some(c) if c.is_numeric() => false,
        Some(c) if !c.is_alphabetic() => true,
        Some(_) if gap == UnitGap::None => !word.eq_ignore_ascii_case("one"),
        Some(_) => AFTER_INCHES
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse_quantities;

    #[test]
    fn ambiguous_spellings_need_a_plausible_number() {
        for text in [
            "4G",
            "16G",
            "3M tape",
            "38251CL",
            "25K",
            "2H",
            "5 case",
            "3-m",
            "2.5 packs",
        ] {
            assert_eq!(parse_quantities(text), [], "{text}");
        }
        for text in [
            "4 g", "40G", "5M cable", "70 cl", "4000K", "2h", "5/case", "1 case", "60-W",
        ] {
            assert_eq!(parse_quantities(text).len(), 1, "{text}");
        }
    }
}
