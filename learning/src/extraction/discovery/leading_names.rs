//! Brands: names that texts begin with.

use std::collections::{BTreeMap, HashMap};

use super::candidate::{AttributeCandidate, DiscoveredKind, ValueRule};
use super::known_values::KnownValues;
use super::tokenized_rows::{TokenKind, TokenizedRows, TokenizedText};
use crate::words::{is_stop_word, word_frequency};

/// Maximum number of words of a name.
const MAX_NAME_WORDS: usize = 3;

/// Minimum number of rows that begin with a name, and its share of the rows with it.
const MIN_LEADING_ROWS: usize = 2;
const MIN_LEADING_SHARE: f32 = 0.5;

/// Frequency from which a word is no name alone or with other such words.
const MAX_WORD_FREQUENCY: f64 = 0.02;

/// Minimum share of the rows of a name that a longer name covers.
const MIN_LONGER_SHARE: f32 = 0.6;

/// Minimum number of names, and share of the rows that begin with one.
const MIN_NAMES: usize = 3;
const MIN_COVERAGE: f32 = 0.03;

/// Names that the first texts of rows begin with, as the attribute `brand`.
pub fn leading_names(
    tokenized: &TokenizedRows<'_>,
    known: &KnownValues,
) -> Option<AttributeCandidate> {
    let mut leading: HashMap<String, usize> = HashMap::new();
    let starts: Vec<Vec<String>> = tokenized
        .rows
        .iter()
        .map(|texts| {
            texts
                .first()
                .map_or(Vec::new(), |text| start_phrases(tokenized, text))
        })
        .collect();
    for phrase in starts.iter().flatten() {
        *leading.entry(phrase.clone()).or_default() += 1;
    }
    leading.retain(|_, rows| *rows >= MIN_LEADING_ROWS);
    let anywhere = rows_with(tokenized, &leading);
    let is_name = |phrase: &str| {
        let rows = leading.get(phrase).copied().unwrap_or(0);
        let all = anywhere.get(phrase).copied().unwrap_or(0).max(1);
        let is_common = phrase
            .split(' ')
            .all(|word| word_frequency(word) >= MAX_WORD_FREQUENCY);
        rows >= MIN_LEADING_ROWS
            && rows as f32 >= MIN_LEADING_SHARE * all as f32
            && !is_common
            && known
                .attributes_of(phrase)
                .iter()
                .all(|name| name == "brand")
    };
    let mut rows: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (row, phrases) in starts.iter().enumerate() {
        let mut found: Option<usize> = None;
        for (at, phrase) in phrases.iter().enumerate() {
            let shorter = found.map(|at| leading[&phrases[at]] as f32);
            let is_longer = shorter.is_none_or(|shorter| {
                let own = leading.get(phrase).copied().unwrap_or(0) as f32;
                own >= MIN_LONGER_SHARE * shorter
            });
            let last = phrase.rsplit(' ').next().unwrap_or_default();
            let is_whole = last.chars().any(char::is_alphanumeric) && !is_stop_word(last);
            if is_longer && is_whole && is_name(phrase) {
                found = Some(at);
            }
        }
        if let (Some(at), Some(text)) = (found, tokenized.rows[row].first()) {
            rows.insert(row, vec![text.between(0, at).to_string()]);
        }
    }
    let candidate = AttributeCandidate {
        name: "brand".to_string(),
        kind: DiscoveredKind::Values,
        rule: ValueRule::Leading,
        rows,
    };
    let is_enough = candidate.value_counts().len() >= MIN_NAMES
        && candidate.rows.len() as f32 >= MIN_COVERAGE * tokenized.rows.len() as f32;
    is_enough.then_some(candidate)
}

/// The first word, the first two and so on, in lower case, while they are capitalized.
fn start_phrases(tokenized: &TokenizedRows<'_>, text: &TokenizedText<'_>) -> Vec<String> {
    let mut phrases: Vec<String> = Vec::new();
    for (at, token) in text.tokens.iter().take(MAX_NAME_WORDS).enumerate() {
        let word = tokenized.word(token);
        let is_inner = at > 0 && (word == "&" || is_stop_word(word) || word == "-");
        let is_word = token.kind == TokenKind::Word && token.is_capitalized;
        let has_digit = word.chars().any(char::is_numeric);
        if !(is_word && !has_digit || is_inner) || at == 0 && is_stop_word(word) {
            break;
        }
        let phrase = match phrases.last() {
            Some(before) => format!("{before} {word}"),
            None => word.to_string(),
        };
        phrases.push(phrase);
    }
    phrases
}

/// The number of rows that have each phrase anywhere in the first text.
fn rows_with(
    tokenized: &TokenizedRows<'_>,
    phrases: &HashMap<String, usize>,
) -> HashMap<String, usize> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for text in tokenized.rows.iter().filter_map(|texts| texts.first()) {
        let words: Vec<&str> = text
            .tokens
            .iter()
            .map(|token| tokenized.word(token))
            .collect();
        let mut found: Vec<String> = (1..=MAX_NAME_WORDS)
            .flat_map(|length| words.windows(length))
            .map(|window| window.join(" "))
            .filter(|phrase| phrases.contains_key(phrase))
            .collect();
        found.sort_unstable();
        found.dedup();
        for phrase in found {
            *counts.entry(phrase).or_default() += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::SourceTexts;

    fn brands(titles: &[&str]) -> Option<Vec<(String, u64)>> {
        let rows: Vec<SourceTexts<'_>> = titles.iter().map(|title| vec![Some(*title)]).collect();
        let tokenized = TokenizedRows::new(&rows, 0);
        let found = leading_names(&tokenized, &KnownValues::default());
        found.map(|candidate| candidate.value_counts())
    }

    #[test]
    fn recurring_first_words_are_brands() {
        let found = brands(&[
            "Stacy Adams Oxford",
            "Stacy Adams Loafer",
            "Zyxware Pump",
            "Zyxware Sandal",
            "ACMETON boot",
            "ACMETON sneaker",
            "New Shoe",
            "New Boot",
            "2018 Boot",
            "",
        ]);
        let expected = [("ACMETON", 2), ("Stacy Adams", 2), ("Zyxware", 2)];
        let expected = expected.map(|(name, count)| (name.to_string(), count));
        assert_eq!(found, Some(expected.to_vec()));
        assert_eq!(brands(&["a", "b", "c"]), None);
        assert_eq!(brands(&[]), None);
    }
}
