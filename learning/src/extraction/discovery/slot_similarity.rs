//! Phrases that stand in the same places of texts and rarely in the same row.

use std::collections::HashMap;

use super::phrases::{NONE, PhraseKey, PhrasePlace, SlotPhrase, each_phrase, frequent_phrases};
use super::row_groups::RowGroup;
use super::tokenized_rows::{DiscoveryToken, TokenKind, TokenizedRows};
use crate::words::{IdentityBuildHasher, combine_hashes};

/// Share of numbers before a phrase from which it is a unit.
const MAX_AFTER_NUMBER: f32 = 0.6;

/// Minimum similarity that is stored.
const MIN_SIMILARITY: f32 = 0.05;

/// Parts of a text that tell where a phrase stands.
const POSITIONS: usize = 4;

/// Stand-ins for words in contexts.
const NUMBER: u32 = u32::MAX;
const START: u32 = u32::MAX - 1;
const END: u32 = u32::MAX - 2;
/// Phrases of a group of rows, with their similarities.
#[derive(Debug, Default)]
pub struct SlotPhrases {
    pub phrases: Vec<SlotPhrase>,
    /// By phrase: others with their similarity.
    pub similar: Vec<HashMap<u32, f32>>,
}

type ContextCounts = HashMap<u64, f32, IdentityBuildHasher>;

/// Finds the phrases of a group that is not in `excluded`, and compares their contexts.
/// `None` once `is_cancelled` returns true.
pub fn slot_phrases(
    tokenized: &TokenizedRows<'_>,
    group: &RowGroup,
    is_excluded: &dyn Fn(&str) -> bool,
    is_cancelled: &dyn Fn() -> bool,
) -> Option<SlotPhrases> {
    let (keys, mut phrases) = frequent_phrases(tokenized, group, is_excluded);
    let mut contexts: Vec<ContextCounts> = vec![ContextCounts::default(); phrases.len()];
    let mut after_number = vec![0_u32; phrases.len()];
    let positions: HashMap<PhraseKey, usize> = keys
        .iter()
        .enumerate()
        .map(|(at, key)| (*key, at))
        .collect();
    for row in &group.rows {
        if row % 64 == 0 && is_cancelled() {
            return None;
        }
        each_phrase(tokenized, *row, |key, place, tokens| {
            let Some(at) = positions.get(&key).copied() else {
                return;
            };
            let slot = Slot::new(tokens, place);
            for context in slot.contexts() {
                *contexts[at].entry(context).or_default() += 1.0;
            }
            after_number[at] += u32::from(slot.before == NUMBER);
            if slot.after < NONE {
                *phrases[at].followers.entry(slot.after).or_default() += 1;
            }
            phrases[at].places.push(place);
        });
    }
    for (at, phrase) in phrases.iter().enumerate() {
        // Words after numbers are units, which alternate in their place too.
        let share = after_number[at] as f32 / phrase.places.len().max(1) as f32;
        if share > MAX_AFTER_NUMBER {
            contexts[at].clear();
        }
    }
    let vectors = weigh(&contexts);
    let similar = similarities(&phrases, &vectors, is_cancelled)?;
    Some(SlotPhrases { phrases, similar })
}

/// The surroundings of a phrase.
struct Slot {
    before: u32,
    before_that: u32,
    after: u32,
    after_that: u32,
    position: usize,
}

impl Slot {
    fn new(tokens: &[DiscoveryToken], place: PhrasePlace) -> Self {
        let (first, last) = (place.first as usize, place.last as usize);
        let word = |at: Option<usize>, edge: u32| match at.and_then(|at| tokens.get(at)) {
            None => edge,
            Some(token) if token.kind == TokenKind::Number => NUMBER,
            Some(token) => token.word,
        };
        Self {
            before: word(first.checked_sub(1), START),
            before_that: word(first.checked_sub(2), START),
            after: word(Some(last + 1), END),
            after_that: word(Some(last + 2), END),
            position: first * POSITIONS / tokens.len().max(1),
        }
    }

    /// Hashes of the contexts.
    fn contexts(&self) -> [u64; 6] {
        let pair = |kind: u64, a: u32, b: u32| {
            let words = combine_hashes(u64::from(a) + 1, u64::from(b) + 1);
            combine_hashes(kind, words)
        };
        [
            pair(1, self.before, 0),
            pair(2, self.after, 0),
            pair(3, self.before, self.after),
            pair(4, self.before_that, self.before),
            pair(5, self.after, self.after_that),
            pair(6, self.position as u32, 0),
        ]
    }
}

/// Unit vectors of positive pointwise mutual information. A context of one phrase only is
/// left out, and a single occurrence counts half.
fn weigh(contexts: &[ContextCounts]) -> Vec<Vec<(u64, f32)>> {
    let mut totals = ContextCounts::default();
    for (context, count) in contexts.iter().flatten() {
        *totals.entry(*context).or_default() += count;
    }
    let all: f32 = totals.values().sum();
    contexts
        .iter()
        .map(|contexts| {
            let own: f32 = contexts.values().sum();
            let mut weights: Vec<(u64, f32)> = contexts
                .iter()
                .filter_map(|(context, count)| {
                    let total = totals[context];
                    let information = (count * all / (own * total)).ln();
                    let is_shared = total > *count && information > 0.0;
                    is_shared.then(|| (*context, information * (count / 2.0).min(1.0)))
                })
                .collect();
            // Sums are the same in every run.
            weights.sort_unstable_by_key(|(context, _)| *context);
            let length: f32 = weights.iter().map(|(_, weight)| weight * weight).sum();
            let length = length.sqrt().max(f32::MIN_POSITIVE);
            weights.iter_mut().for_each(|(_, weight)| *weight /= length);
            weights
        })
        .collect()
}

/// Cosines of contexts, reduced for phrases that share rows. Phrases with a common word
/// are not similar.
fn similarities(
    phrases: &[SlotPhrase],
    vectors: &[Vec<(u64, f32)>],
    is_cancelled: &dyn Fn() -> bool,
) -> Option<Vec<HashMap<u32, f32>>> {
    let mut postings: HashMap<u64, Vec<(u32, f32)>, IdentityBuildHasher> = HashMap::default();
    for (at, vector) in vectors.iter().enumerate() {
        for (context, weight) in vector {
            postings
                .entry(*context)
                .or_default()
                .push((at as u32, *weight));
        }
    }
    let mut similar = Vec::with_capacity(phrases.len());
    let mut cosines = vec![0_f32; phrases.len()];
    for (at, vector) in vectors.iter().enumerate() {
        if is_cancelled() {
            return None;
        }
        cosines.fill(0.0);
        for (context, weight) in vector {
            for (other, other_weight) in postings.get(context).into_iter().flatten() {
                cosines[*other as usize] += weight * other_weight;
            }
        }
        let near = cosines.iter().enumerate().filter_map(|(other, cosine)| {
            if other == at || *cosine <= MIN_SIMILARITY {
                return None;
            }
            let (own, other_phrase) = (&phrases[at], &phrases[other]);
            if shares_word(&own.words, &other_phrase.words) {
                return None;
            }
            let fewer = own.rows.len().min(other_phrase.rows.len()).max(1);
            let shared = shared_rows(&own.rows, &other_phrase.rows) as f32 / fewer as f32;
            let similarity = cosine * (1.0 - 2.0 * shared).max(0.0);
            (similarity > MIN_SIMILARITY).then_some((other as u32, similarity))
        });
        similar.push(near.collect());
    }
    Some(similar)
}

fn shares_word(a: &str, b: &str) -> bool {
    a.split(' ')
        .any(|word| b.split(' ').any(|other| word == other))
}

/// Number of common elements of two ascending lists.
fn shared_rows(a: &[u32], b: &[u32]) -> usize {
    let (mut a, mut b, mut shared) = (a.iter().peekable(), b.iter().peekable(), 0);
    while let (Some(first), Some(second)) = (a.peek(), b.peek()) {
        match first.cmp(second) {
            std::cmp::Ordering::Less => {
                a.next();
            }
            std::cmp::Ordering::Greater => {
                b.next();
            }
            std::cmp::Ordering::Equal => {
                shared += 1;
                a.next();
                b.next();
            }
        }
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extraction::SourceTexts;

    fn of(texts: &[String]) -> SlotPhrases {
        let rows: Vec<SourceTexts<'_>> =
            texts.iter().map(|text| vec![Some(text.as_str())]).collect();
        let tokenized = TokenizedRows::new(&rows, 0);
        let group = RowGroup {
            name: None,
            rows: (0..rows.len()).collect(),
        };
        slot_phrases(&tokenized, &group, &|word| word == "banned", &|| false).unwrap()
    }

    #[test]
    fn phrases_of_one_place_are_similar_and_units_are_not() {
        let colors = ["black", "white", "navy"];
        let texts: Vec<String> = (0..60)
            .map(|row| {
                let unit = ["oz", "lb"][row % 2];
                format!(
                    "banned cotton shirt - {}, {row} {unit} pack",
                    colors[row % 3]
                )
            })
            .collect();
        let found = of(&texts);
        let at = |words: &str| {
            found
                .phrases
                .iter()
                .position(|phrase| phrase.words == words)
        };
        let (black, white, oz, lb) = (at("black"), at("white"), at("oz"), at("lb"));
        let similarity = |a: Option<usize>, b: Option<usize>| {
            found.similar[a.unwrap()]
                .get(&(b.unwrap() as u32))
                .copied()
                .unwrap_or(0.0)
        };
        assert!(similarity(black, white) > 0.5);
        assert_eq!(similarity(oz, lb), 0.0);
        assert_eq!(at("banned"), None);
        let one_row = of(&texts[..1]);
        assert!(one_row.phrases.is_empty());
    }
}
