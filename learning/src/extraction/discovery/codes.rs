//! Model numbers and other codes, by shape.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::candidate::{AttributeCandidate, DiscoveredKind, ValueRule};
use super::tokenized_rows::TokenizedRows;
use crate::extraction::rules::quantities::parse_quantities;

/// Lengths of a code in characters.
const MIN_CODE_CHARS: usize = 5;
const MAX_CODE_CHARS: usize = 24;

/// Minimum number of digits of a code without letters, and of one with.
const MIN_DIGITS_ALONE: usize = 8;
const MIN_DIGITS: usize = 2;

/// Lengths of trade item numbers.
const TRADE_ITEM_DIGITS: &[usize] = &[8, 12, 13, 14];

/// Minimum share of codes with such a length for that name.
const MIN_TRADE_ITEM_SHARE: f32 = 0.8;

/// Maximum number of shapes in a pattern.
const MAX_SHAPES: usize = 6;

/// Part of a shape: capitals, small letters, digits or another character.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum CodePart {
    Capitals,
    Letters,
    Digits,
    Other(char),
}

/// Lengths of the parts of codes of one shape.
type PartLengths = Vec<(usize, usize)>;

/// Codes with letters and digits, and codes of digits alone.
pub fn codes(tokenized: &TokenizedRows<'_>) -> Vec<AttributeCandidate> {
    let mut mixed: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut digits: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (row, texts) in tokenized.rows.iter().enumerate() {
        for code in texts.iter().flat_map(|text| text.text.split_whitespace()) {
            let code = code.trim_matches(|c: char| !c.is_alphanumeric());
            match code_kind(code) {
                Some(true) => mixed.entry(row).or_default().push(code.to_string()),
                Some(false) => digits.entry(row).or_default().push(code.to_string()),
                None => {}
            }
        }
    }
    let all = || digits.values().flatten();
    let items = all()
        .filter(|code| TRADE_ITEM_DIGITS.contains(&code.len()))
        .count();
    let is_item = items as f32 >= MIN_TRADE_ITEM_SHARE * all().count() as f32;
    let digits_name = if is_item { "gtin" } else { "number" };
    let candidate = |name: &str, rows: BTreeMap<usize, Vec<String>>| {
        let pattern = pattern(rows.values().flatten())?;
        Some(AttributeCandidate {
            name: name.to_string(),
            kind: DiscoveredKind::Code,
            rule: ValueRule::Pattern(pattern),
            rows,
        })
    };
    let found = [
        candidate("model_number", mixed),
        candidate(digits_name, digits),
    ];
    found.into_iter().flatten().collect()
}

/// Whether a word is a code with letters, one without, or none.
fn code_kind(word: &str) -> Option<bool> {
    let length = word.chars().count();
    if !(MIN_CODE_CHARS..=MAX_CODE_CHARS).contains(&length) {
        return None;
    }
    let is_code = word
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let capitals = word.chars().filter(char::is_ascii_uppercase).count();
    let letters = word.chars().filter(char::is_ascii_alphabetic).count();
    if !is_code || digits < MIN_DIGITS {
        return None;
    }
    if letters == 0 {
        return (digits == length && digits >= MIN_DIGITS_ALONE).then_some(false);
    }
    // Words such as 24-inch and quantities are no codes.
    let is_model = capitals == letters;
    let is_quantity = !parse_quantities(word).is_empty();
    (is_model && !is_quantity).then_some(true)
}

/// The parts of a code, and their lengths.
fn shape(code: &str) -> (Vec<CodePart>, Vec<usize>) {
    let (mut parts, mut lengths) = (Vec::new(), Vec::new());
    for c in code.chars() {
        let part = match c {
            'A'..='Z' => CodePart::Capitals,
            'a'..='z' => CodePart::Letters,
            '0'..='9' => CodePart::Digits,
            other => CodePart::Other(other),
        };
        match lengths.last_mut() {
            Some(length) if parts.last() == Some(&part) => *length += 1,
            _ => {
                parts.push(part);
                lengths.push(1);
            }
        }
    }
    (parts, lengths)
}

/// Regular expression of the most frequent shapes.
fn pattern<'a>(codes: impl Iterator<Item = &'a String>) -> Option<String> {
    let mut shapes: BTreeMap<Vec<CodePart>, (usize, PartLengths)> = BTreeMap::new();
    for code in codes {
        let (parts, lengths) = shape(code);
        let ranges = || lengths.iter().map(|length| (*length, *length)).collect();
        let (count, known) = shapes.entry(parts).or_insert_with(|| (0, ranges()));
        *count += 1;
        for ((shortest, longest), length) in known.iter_mut().zip(&lengths) {
            *shortest = (*shortest).min(*length);
            *longest = (*longest).max(*length);
        }
    }
    let mut shapes: Vec<_> = shapes.into_iter().collect();
    shapes.sort_by(|a, b| b.1.0.cmp(&a.1.0).then(a.0.cmp(&b.0)));
    shapes.truncate(MAX_SHAPES);
    let alternatives: Vec<String> = shapes
        .iter()
        .map(|(parts, (_, lengths))| {
            let mut alternative = String::new();
            for (part, (shortest, longest)) in parts.iter().zip(lengths) {
                match part {
                    CodePart::Capitals => alternative.push_str("[A-Z]"),
                    CodePart::Letters => alternative.push_str("[a-z]"),
                    CodePart::Digits => alternative.push_str("[0-9]"),
                    CodePart::Other(c) => alternative.push_str(&regex::escape(&c.to_string())),
                }
                // A string takes any text.
                let _ = match (shortest, longest) {
                    (1, 1) => Ok(()),
                    (shortest, longest) if shortest == longest => {
                        write!(alternative, "{{{shortest}}}")
                    }
                    (shortest, longest) => write!(alternative, "{{{shortest},{longest}}}"),
                };
            }
            alternative
        })
        .collect();
    (!alternatives.is_empty()).then(|| format!(r"\b(?:{})\b", alternatives.join("|")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::SourceTexts;

    #[test]
    fn codes_have_a_pattern_of_their_shapes() {
        let rows: Vec<SourceTexts<'_>> = vec![
            vec![Some("HP 516814-B21 Drive, (AVE12505) 300GB")],
            vec![Some("26K5714; 375863-A016")],
            vec![Some("UPC: 095205742466 and 24-inch words 2018")],
            vec![Some("🎉\u{0} ------ ........ 1/2")],
        ];
        let found = codes(&TokenizedRows::new(&rows, 0));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].rows[&0], ["516814-B21", "AVE12505"]);
        assert_eq!(found[0].rows[&1], ["26K5714", "375863-A016"]);
        assert_eq!(
            (found[1].name.as_str(), &found[1].rows[&2]),
            ("gtin", &vec!["095205742466".to_string()])
        );
        let ValueRule::Pattern(pattern) = &found[0].rule else {
            panic!("{:?}", found[0].rule);
        };
        let pattern = regex::Regex::new(pattern).unwrap();
        for code in found[0].rows.values().flatten() {
            assert!(pattern.is_match(code), "{code} {pattern}");
        }
        assert!(codes(&TokenizedRows::new(&[], 0)).is_empty());
    }
}
