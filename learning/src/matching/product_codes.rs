//! Model numbers and other product codes of a text.

use std::collections::BTreeSet;

/// Lengths of a code with letters and digits, in characters without punctuation.
const MIN_CODE_CHARS: usize = 4;
const MAX_CODE_CHARS: usize = 32;

/// Minimum length of a code of digits alone.
const MIN_DIGITS_ALONE: usize = 5;

/// Maximum number of codes of a text.
const MAX_CODES: usize = 24;

/// Endings that make a number a measure: `1080p`, `500gb`, `10x`.
const MEASURE_ENDINGS: &[&str] = &[
    "mm", "cm", "m", "km", "in", "inch", "inches", "ft", "feet", "gb", "mb", "tb", "kb", "hz",
    "khz", "mhz", "ghz", "kg", "g", "mg", "mcg", "oz", "lb", "lbs", "ml", "l", "cl", "mp", "w",
    "kw", "watt", "watts", "v", "volt", "volts", "mah", "ah", "x", "p", "i", "th", "st", "nd",
    "rd", "pk", "pack", "packs", "pc", "pcs", "piece", "pieces", "ct", "count", "k", "d", "s", "t",
    "btu", "cu", "dpi", "rpm", "fps", "ppm", "port", "ports", "bit", "pin", "way", "ply", "day",
    "days", "year", "years", "yr", "hour", "hours", "hr", "min", "page", "pages", "sheet",
    "sheets", "in1", "db", "ohm", "cfm", "mbps", "gbps", "deg", "cc", "qt", "gal", "sq", "lumen",
    "lumens", "usb", "gsm", "mmx", "cmx", "wx", "hx",
];

/// The codes of a text in lower case without punctuation, sorted: words of letters and
/// digits such as `dcr-trv280`, and numbers of five digits or more.
pub fn product_codes(text: &str) -> Vec<String> {
    let mut codes = BTreeSet::new();
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '/' | '.' | '_');
    for word in text.split(|c| !is_part(c)) {
        if codes.len() >= MAX_CODES {
            break;
        }
        let whole = letters_and_digits(word);
        if is_code(&whole) {
            codes.insert(whole);
            continue;
        }
        // `black/DCR-TRV280`: the parts may be codes where the whole is too long.
        for part in word.split('/') {
            let part = letters_and_digits(part);
            if is_code(&part) && codes.len() < MAX_CODES {
                codes.insert(part);
            }
        }
    }
    codes.into_iter().collect()
}

/// The letters and digits of a text in lower case.
pub fn letters_and_digits(text: &str) -> String {
    let characters = text.chars().filter(|c| c.is_alphanumeric());
    characters.flat_map(char::to_lowercase).collect()
}

/// Whether two codes may name the same product: equal, or one begins with the other, as
/// with the suffix of a color or a region. A longer number is another product.
pub fn are_related(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let is_digit = |c: char| c.is_ascii_digit();
    match long.strip_prefix(short) {
        Some(suffix) => !(short.ends_with(is_digit) && suffix.starts_with(is_digit)),
        None => false,
    }
}

/// Whether two products have different variants of a code that both have, such as the
/// codes of two colors: `{dvpns57p, dvpns57ps}` and `{dvpns57p, dvpns57pb}`.
pub fn are_variants(a: &[String], b: &[String]) -> bool {
    let variant = |base: &String, codes: &[String], others: &[String]| {
        let mut codes = codes.iter();
        codes.any(|code| code != base && are_related(base, code) && !others.contains(code))
    };
    let mut shared = a.iter().filter(|code| b.contains(code));
    shared.any(|base| variant(base, a, b) && variant(base, b, a))
}

fn is_code(word: &str) -> bool {
    let length = word.chars().count();
    if !(MIN_CODE_CHARS..=MAX_CODE_CHARS).contains(&length) {
        return false;
    }
    let digits = word.chars().filter(char::is_ascii_digit).count();
    if digits == length {
        return length >= MIN_DIGITS_ALONE;
    }
    digits > 0 && word.is_ascii() && !is_measure(word)
}

/// Whether a word is one or several numbers with the unit of a measure: `30x40cm`.
fn is_measure(word: &str) -> bool {
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let mut parts = word.split(|c: char| c.is_ascii_digit());
    parts.all(|letters| letters.is_empty() || MEASURE_ENDINGS.contains(&letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_words_of_letters_and_digits() {
        for (text, expected) in [
            ("Sony Turntable - PSLX350H", &["pslx350h"][..]),
            ("Sony DCR-TRV280, 20x zoom", &["dcrtrv280"]),
            ("UPC: 095205742466 in 2019", &["095205742466"]),
            ("1080p 500GB 30x40cm 3-in-1 5th 2.4GHz", &[]),
            ("Black/EZXS88W", &["blackezxs88w"]),
            ("größe42 ab 1", &[]),
            ("", &[]),
        ] {
            assert_eq!(product_codes(text), expected, "{text}");
        }
        let many: String = (0..1000).map(|at| format!("ab{at:04} ")).collect();
        assert_eq!(product_codes(&many).len(), MAX_CODES);
        assert!(product_codes(&"a1".repeat(1_000_000)).is_empty());
    }

    #[test]
    fn a_suffix_keeps_codes_related() {
        assert!(are_related("fs105", "fs105na"));
        assert!(are_related("fs105na", "fs105"));
        assert!(!are_related("fs105", "fs108"));
        assert!(!are_related("hf10", "hf100"));
        assert!(are_related("123456", "123456"));
    }

    #[test]
    fn variants_of_one_code_are_different() {
        let codes =
            |codes: &[&str]| -> Vec<String> { codes.iter().map(|code| code.to_string()).collect() };
        for (a, b, expected) in [
            (&["dvp57", "dvp57s"][..], &["dvp57", "dvp57b"][..], true),
            (&["dvp57", "dvp57s"], &["dvp57", "dvp57s"], false),
            (&["dvp57", "dvp57s"], &["dvp57"], false),
            (&["dvp57s"], &["dvp57b"], false),
        ] {
            assert_eq!(are_variants(&codes(a), &codes(b)), expected, "{a:?} {b:?}");
            assert_eq!(are_variants(&codes(b), &codes(a)), expected, "{b:?} {a:?}");
        }
    }
}
