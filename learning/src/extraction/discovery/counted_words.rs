//! Numbers with words that are no units: `3 ply`, `SPF 30`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::candidate::{AttributeCandidate, DiscoveredKind, ValueRule, attribute_name};
use super::tokenized_rows::{TokenKind, TokenizedRows, TokenizedText};
use crate::extraction::rules::quantities::{Quantity, parse_quantities};
use crate::words::is_stop_word;

/// Minimum number of rows with the word and a number, and of distinct numbers.
const MIN_ROWS: usize = 5;
const MIN_NUMBERS: usize = 3;

/// Minimum share of the occurrences of a word that have a number beside it.
const MIN_NUMBER_SHARE: f32 = 0.5;

/// Longest number, in bytes; longer ones are codes.
const MAX_NUMBER_BYTES: u32 = 6;

/// Where the number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum NumberSide {
    Before,
    After,
}

#[derive(Default)]
struct CountedWord {
    rows: BTreeMap<usize, Vec<String>>,
    numbers: BTreeSet<u32>,
    occurrences: u32,
}

/// One attribute for each word that mostly has a number before or after it.
pub fn counted_words(tokenized: &TokenizedRows<'_>) -> Vec<AttributeCandidate> {
    let mut occurrences: HashMap<u32, u32> = HashMap::new();
    let mut words: BTreeMap<(u32, NumberSide), CountedWord> = BTreeMap::new();
    for (row, texts) in tokenized.rows.iter().enumerate() {
        for text in texts {
            let tokens = &text.tokens;
            let measured = parse_quantities(text.text);
            for (at, token) in tokens.iter().enumerate() {
                if token.kind != TokenKind::Word {
                    continue;
                }
                *occurrences.entry(token.word).or_default() += 1;
                let is_hyphen =
                    |at: usize| tokens.get(at).is_some_and(|t| tokenized.word(t) == "-");
                let before = at.checked_sub(if at > 1 && is_hyphen(at - 1) { 2 } else { 1 });
                let after = Some(if is_hyphen(at + 1) { at + 2 } else { at + 1 });
                for (side, number) in [(NumberSide::Before, before), (NumberSide::After, after)] {
                    let Some(number) =
                        number.filter(|number| is_number(text, *number, side, &measured))
                    else {
                        continue;
                    };
                    let word = words.entry((token.word, side)).or_default();
                    let value = text.between(at.min(number), at.max(number));
                    word.rows.entry(row).or_default().push(value.to_string());
                    word.numbers.insert(tokens[number].word);
                    word.occurrences += 1;
                }
            }
        }
    }
    let candidates = words.into_iter().filter_map(|((word, side), counted)| {
        let all = occurrences.get(&word).copied().unwrap_or(1);
        let word = tokenized.words[word as usize].as_str();
        let is_counted = counted.rows.len() >= MIN_ROWS
            && counted.numbers.len() >= MIN_NUMBERS
            && counted.occurrences as f32 >= MIN_NUMBER_SHARE * all as f32;
        let is_word = word.chars().count() > 1
            && word.chars().all(char::is_alphabetic)
            && !is_stop_word(word);
        // Known units are quantities.
        if !is_counted || !is_word || !parse_quantities(&format!("5 {word}")).is_empty() {
            return None;
        }
        Some(AttributeCandidate {
            name: attribute_name(word),
            kind: DiscoveredKind::Quantity,
            rule: ValueRule::Pattern(pattern(word, side)),
            rows: counted.rows,
        })
    });
    candidates.collect()
}

/// Whether a token is a number, and no part of a code or of a quantity of the text.
fn is_number(
    text: &TokenizedText<'_>,
    token: usize,
    side: NumberSide,
    measured: &[Quantity],
) -> bool {
    let Some(number) = text.tokens.get(token) else {
        return false;
    };
    let start = number.start as usize;
    if measured
        .iter()
        .any(|quantity| (quantity.start..quantity.end).contains(&start))
    {
        return false;
    }
    let beyond = match side {
        NumberSide::Before => text.text[..number.start as usize].chars().next_back(),
        NumberSide::After => text.text[number.end as usize..].chars().next(),
    };
    let is_apart =
        beyond.is_none_or(|c| c.is_whitespace() || matches!(c, ',' | ';' | '(' | ')' | '|'));
    number.kind == TokenKind::Number && is_apart && number.end - number.start <= MAX_NUMBER_BYTES
}

/// Regular expression of the word with its number.
fn pattern(word: &str, side: NumberSide) -> String {
    const NUMBER: &str = r"\d+(?:[.,]\d+)*";
    match side {
        NumberSide::Before => format!(r"(?i)\b{NUMBER}[ -]?{word}\b"),
        NumberSide::After => format!(r"(?i)\b{word}[ -]?{NUMBER}\b"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::SourceTexts;

    #[test]
    fn words_with_a_number_are_found_and_units_are_not() {
        let texts: Vec<String> = (1..8)
            .map(|n| format!("Mask {n}-Ply, SPF {n}0, rice {n} kg, cup"))
            .collect();
        let rows: Vec<SourceTexts<'_>> =
            texts.iter().map(|text| vec![Some(text.as_str())]).collect();
        let found = counted_words(&TokenizedRows::new(&rows, 0));
        let names: BTreeSet<&str> = found.iter().map(|found| found.name.as_str()).collect();
        assert!(names.contains("ply") && names.contains("spf"), "{names:?}");
        assert!(
            !["kg", "rice", "cup"]
                .iter()
                .any(|name| names.contains(name)),
            "{names:?}"
        );
        let ply = found.iter().find(|found| found.name == "ply").unwrap();
        assert_eq!(ply.rows[&0], ["1-Ply"]);
        let ValueRule::Pattern(pattern) = &ply.rule else {
            panic!("{:?}", ply.rule);
        };
        let pattern = regex::Regex::new(pattern).unwrap();
        assert_eq!(pattern.find(&texts[2]).unwrap().as_str(), "3-Ply");
    }
}
