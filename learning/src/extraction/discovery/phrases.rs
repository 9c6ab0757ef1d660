//! Phrases of texts that may be values: words, and pairs of words.

use std::collections::HashMap;

use super::row_groups::RowGroup;
use super::tokenized_rows::{DiscoveryToken, TokenKind, TokenizedRows};
use crate::words::is_stop_word;

/// Minimum number of rows with a phrase, and the share of the rows.
const MIN_PHRASE_ROWS: usize = 4;
const ROWS_PER_PHRASE: usize = 400;

/// Phrases that are compared: the most frequent.
const MAX_PHRASES: usize = 1_200;

/// Minimum share of the rarer word of a pair that stands in the pair.
const MIN_PAIR_SHARE: f32 = 0.5;

/// Share of the rows of the more frequent word that are in a pair, from which its words
/// alone are no phrases: `Stacy Adams`, but not `dark roast`.
const MAX_SHARE_IN_PAIR: f32 = 0.7;

/// Share of stop words among the words of a text from which it is prose, whose words say
/// little about attributes.
const MAX_STOP_WORDS: f32 = 0.25;

/// Second word of the key of a phrase of one word.
pub const NONE: u32 = u32::MAX - 3;

/// The words of a phrase: positions in the vocabulary.
pub type PhraseKey = (u32, u32);

/// Occurrence of a phrase: tokens `first..=last` of a text of a row.
#[derive(Clone, Copy, Debug)]
pub struct PhrasePlace {
    pub row: u32,
    pub text: u16,
    pub first: u32,
    pub last: u32,
}

/// A word or two.
#[derive(Debug)]
pub struct SlotPhrase {
    /// The words, in lower case.
    pub words: String,
    /// Sampled rows with the phrase, ascending.
    pub rows: Vec<u32>,
    pub places: Vec<PhrasePlace>,
    /// Words after the phrase, with counts.
    pub followers: HashMap<u32, u32>,
}

/// The phrases of a group with enough rows that are not excluded, the most frequent first.
pub fn frequent_phrases(
    tokenized: &TokenizedRows<'_>,
    group: &RowGroup,
    is_excluded: &dyn Fn(&str) -> bool,
) -> (Vec<PhraseKey>, Vec<SlotPhrase>) {
    let min_rows = MIN_PHRASE_ROWS.max(group.rows.len() / ROWS_PER_PHRASE);
    let mut rows: HashMap<PhraseKey, Vec<u32>> = HashMap::new();
    for is_pair in [false, true] {
        for row in &group.rows {
            each_phrase(tokenized, *row, |key, _, _| {
                if (key.1 != NONE) != is_pair {
                    return;
                }
                let frequent = |word| rows.contains_key(&(word, NONE));
                if is_pair && !(frequent(key.0) && frequent(key.1)) {
                    return;
                }
                let rows = rows.entry(key).or_default();
                if rows.last() != Some(&(*row as u32)) {
                    rows.push(*row as u32);
                }
            });
        }
        rows.retain(|_, rows| rows.len() >= min_rows);
    }
    let count = |key: PhraseKey| rows.get(&key).map_or(0, Vec::len) as f32;
    let mut in_pairs: HashMap<u32, f32> = HashMap::new();
    let mut is_kept: Vec<PhraseKey> = Vec::new();
    for key in rows.keys().filter(|key| key.1 != NONE) {
        let (first, second) = (count((key.0, NONE)), count((key.1, NONE)));
        if count(*key) < MIN_PAIR_SHARE * first.min(second) {
            continue;
        }
        is_kept.push(*key);
        let share = count(*key) / first.max(second);
        for word in [key.0, key.1] {
            let most = in_pairs.entry(word).or_default();
            *most = most.max(share);
        }
    }
    let alone = rows.keys().filter(|key| {
        let share = in_pairs.get(&key.0).copied().unwrap_or(0.0);
        key.1 == NONE && share < MAX_SHARE_IN_PAIR
    });
    is_kept.extend(alone);
    let words = |key: &PhraseKey| {
        let first = tokenized.words[key.0 as usize].clone();
        match key.1 {
            NONE => first,
            second => format!("{first} {}", tokenized.words[second as usize]),
        }
    };
    let mut kept: Vec<(PhraseKey, String)> = is_kept
        .into_iter()
        .map(|key| (key, words(&key)))
        .filter(|(_, words)| !is_excluded(words))
        .collect();
    kept.sort_by(|a, b| count(b.0).total_cmp(&count(a.0)).then(a.1.cmp(&b.1)));
    kept.truncate(MAX_PHRASES);
    let phrases = kept.iter().map(|(key, words)| SlotPhrase {
        words: words.clone(),
        rows: rows.get(key).cloned().unwrap_or_default(),
        places: Vec::new(),
        followers: HashMap::new(),
    });
    (
        kept.iter().map(|(key, _)| *key).collect(),
        phrases.collect(),
    )
}

/// Calls `each` with the words and pairs of a row that may be values.
pub fn each_phrase(
    tokenized: &TokenizedRows<'_>,
    row: usize,
    mut each: impl FnMut(PhraseKey, PhrasePlace, &[DiscoveryToken]),
) {
    for (text, tokenized_text) in tokenized.rows[row].iter().enumerate() {
        let tokens = tokenized_text.tokens.as_slice();
        if is_prose(tokenized, tokens) {
            continue;
        }
        let is_part: Vec<bool> = tokens
            .iter()
            .map(|token| {
                let word = tokenized.word(token);
                let has_digit = word.chars().any(char::is_numeric);
                token.kind == TokenKind::Word && !has_digit && !is_stop_word(word)
            })
            .collect();
        for first in 0..tokens.len() {
            if !is_part[first] {
                continue;
            }
            let place = |last: usize| PhrasePlace {
                row: row as u32,
                text: text as u16,
                first: first as u32,
                last: last as u32,
            };
            each((tokens[first].word, NONE), place(first), tokens);
            if is_part.get(first + 1) == Some(&true) {
                let key = (tokens[first].word, tokens[first + 1].word);
                each(key, place(first + 1), tokens);
            }
        }
    }
}

/// Whether a text is sentences.
fn is_prose(tokenized: &TokenizedRows<'_>, tokens: &[DiscoveryToken]) -> bool {
    let words = tokens.iter().filter(|token| token.kind == TokenKind::Word);
    let stop_words = words
        .clone()
        .filter(|token| is_stop_word(tokenized.word(token)));
    stop_words.count() as f32 > MAX_STOP_WORDS * words.count() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::SourceTexts;

    #[test]
    fn collocations_are_one_phrase_and_prose_has_none() {
        let colors = ["black", "white", "navy"];
        let texts: Vec<String> = (0..12)
            .map(|row| match row % 4 {
                3 => "this is the black one for you and for all of them".to_string(),
                color => format!("stacy adams shoe {} banned 7x {row}", colors[color]),
            })
            .collect();
        let rows: Vec<SourceTexts<'_>> =
            texts.iter().map(|text| vec![Some(text.as_str())]).collect();
        let tokenized = TokenizedRows::new(&rows, 0);
        let group = RowGroup {
            name: None,
            rows: Vec::new(),
        };
        let phrases = |rows: &[usize]| -> Vec<String> {
            let group = RowGroup {
                rows: rows.to_vec(),
                ..group.clone()
            };
            let found = frequent_phrases(&tokenized, &group, &|words| words == "banned").1;
            found.into_iter().map(|phrase| phrase.words).collect()
        };
        let all: Vec<usize> = (0..12).collect();
        let found = phrases(&all);
        assert!(found.contains(&"stacy adams".to_string()), "{found:?}");
        assert!(!found.contains(&"stacy".to_string()), "{found:?}");
        assert!(
            !found.iter().any(|words| words == "banned" || words == "7x"),
            "{found:?}"
        );
        assert!(phrases(&[3, 7, 11]).is_empty());
    }
}
