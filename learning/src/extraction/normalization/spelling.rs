//! Frequent values that a rare one misspells.

use std::collections::HashMap;

use crate::words::{IdentityBuildHasher, hash_word, word_frequency};

/// Minimum ratio of the counts of a value and its misspelling.
const MIN_RATIO: u64 = 4;

/// Minimum number of letters of a misspelled word.
const MIN_WORD_LETTERS: usize = 5;

/// Longest value that is compared, in characters.
const MAX_VALUE_CHARS: usize = 60;

/// Frequent values that are kept for comparison.
const MAX_TARGETS: usize = 100_000;

/// Frequency from which the list of frequent words has a word. Such a word is not a
/// misspelling.
const MIN_KNOWN_FREQUENCY: f64 = 0.001;

/// Values to compare others with, found by their text without one letter.
#[derive(Default)]
pub struct SpellingTargets {
    texts: Vec<(usize, u64, Vec<char>)>,
    /// By hash of a text without one letter: positions in `texts`.
    shortened: HashMap<u64, Vec<u32>, IdentityBuildHasher>,
}

impl SpellingTargets {
    /// Adds a value with its count and folded text, after all more frequent ones.
    pub fn add(&mut self, value: usize, count: u64, text: &str) {
        let chars: Vec<char> = text.chars().collect();
        let is_long = (MIN_WORD_LETTERS - 1..=MAX_VALUE_CHARS).contains(&chars.len());
        if count < MIN_RATIO || !is_long || self.texts.len() >= MAX_TARGETS {
            return;
        }
        let at = self.texts.len() as u32;
        for hash in shortened_hashes(&chars) {
            let targets = self.shortened.entry(hash).or_default();
            if targets.last() != Some(&at) {
                targets.push(at);
            }
        }
        self.texts.push((value, count, chars));
    }

    /// The most frequent value that `text` misspells, and the similarity of the two.
    pub fn find(&self, count: u64, text: &str) -> Option<(usize, f32)> {
        let chars: Vec<char> = text.chars().collect();
        if chars.len() < MIN_WORD_LETTERS || chars.len() > MAX_VALUE_CHARS {
            return None;
        }
        let hashes = shortened_hashes(&chars).into_iter();
        let candidates = hashes
            .filter_map(|hash| self.shortened.get(&hash))
            .flatten();
        let fits = |at: &&u32| {
            let (_, target_count, target) = &self.texts[**at as usize];
            *target_count >= count.saturating_mul(MIN_RATIO) && is_misspelling(target, &chars)
        };
        let best = candidates.filter(fits).min()?;
        let (value, _, target) = &self.texts[*best as usize];
        let similarity = 1.0 - 1.0 / target.len().max(chars.len()) as f32;
        Some((*value, similarity))
    }
}

/// Hashes of a text and of the text without each of its letters.
fn shortened_hashes(chars: &[char]) -> Vec<u64> {
    let mut hashes = Vec::with_capacity(chars.len() + 1);
    let mut text = String::new();
    for left_out in 0..=chars.len() {
        text.clear();
        let kept = chars.iter().enumerate();
        text.extend(kept.filter(|(at, _)| *at != left_out).map(|(_, c)| c));
        hashes.push(hash_word(&text));
    }
    hashes
}

/// Whether `rare` is `frequent` with one letter too many, missing or wrong, or with two
/// neighbours swapped, within a long word that is not a frequent word.
fn is_misspelling(frequent: &[char], rare: &[char]) -> bool {
    let shorter = frequent.len().min(rare.len());
    let pairs = frequent.iter().zip(rare);
    let prefix = pairs.take_while(|(a, b)| a == b).count();
    let pairs = frequent.iter().rev().zip(rare.iter().rev());
    let suffix = pairs.take_while(|(a, b)| a == b).count();
    let suffix = suffix.min(shorter - prefix);
    let a = &frequent[prefix..frequent.len() - suffix];
    let b = &rare[prefix..rare.len() - suffix];
    let is_one_edit = match (a, b) {
        ([_], []) | ([], [_]) | ([_], [_]) => true,
        ([a1, a2], [b1, b2]) => a1 == b2 && a2 == b1,
        _ => false,
    };
    if !is_one_edit || !a.iter().chain(b).all(|c| c.is_alphabetic()) {
        return false;
    }
    // The first letter of a word is rarely wrong.
    if prefix == 0 || !rare[prefix - 1].is_alphabetic() {
        return false;
    }
    let [frequent, rare] = [frequent, rare].map(|chars| word_at(chars, prefix - 1));
    let is_word = |word: &str| {
        word.chars().count() >= MIN_WORD_LETTERS && word.chars().all(char::is_alphabetic)
    };
    is_word(&frequent)
        && rare.chars().all(char::is_alphabetic)
        && rare.chars().count() >= MIN_WORD_LETTERS - 1
        && word_frequency(&rare) < MIN_KNOWN_FREQUENCY
}

/// The word around the character at `at`.
fn word_at(chars: &[char], at: usize) -> String {
    let start = chars[..at].iter().rposition(|c| *c == ' ');
    let end = chars[at..].iter().position(|c| *c == ' ');
    let start = start.map_or(0, |space| space + 1);
    let end = end.map_or(chars.len(), |space| at + space);
    chars[start..end].iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(frequent: &str, rare: &str) -> Option<(usize, f32)> {
        let mut targets = SpellingTargets::default();
        targets.add(7, 40, frequent);
        targets.find(10, rare)
    }

    #[test]
    fn one_wrong_letter_of_a_long_word_is_found() {
        for (frequent, rare) in [
            ("stainless steel", "stainles steel"),
            ("stainless steel", "stianless steel"),
            ("polyester", "polyesterr"),
            ("aluminum", "alumimum"),
            ("samsung galaxy", "samsang galaxy"),
            ("größe lang", "gröse lang"),
        ] {
            assert_eq!(
                find(frequent, rare).map(|(value, _)| value),
                Some(7),
                "{rare}"
            );
        }
    }

    #[test]
    fn other_values_are_not_misspellings() {
        for (frequent, rare) in [
            ("iphone 12", "iphone 13"),
            ("model ab12345", "model ac12345"),
            ("matte", "latte"),
            ("cotton", "button"),
            ("red", "rod"),
            ("brown", "grown"),
            // Both are frequent words.
            ("brown", "crown"),
            ("women", "woman"),
            ("", ""),
            ("polyester", "polyester"),
        ] {
            assert_eq!(find(frequent, rare), None, "{frequent} {rare}");
        }
        let mut targets = SpellingTargets::default();
        targets.add(0, 30, "polyester");
        assert_eq!(targets.find(10, "polyestr"), None, "not much more frequent");
        let long = "x".repeat(1_000_000);
        targets.add(1, 100, &long);
        assert_eq!(targets.find(1, &long[1..]), None);
    }
}
