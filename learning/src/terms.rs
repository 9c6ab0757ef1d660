//! The most characteristic words of a set of texts.

use std::collections::HashMap;

use crate::words::{each_word, is_stop_word, word_frequency};

/// Document frequencies of the words of texts.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    counts: HashMap<String, u64>,
    texts: u64,
    /// Bytes of the distinct words.
    word_bytes: usize,
    /// Words of the current text; saves allocations.
    words: Vec<String>,
    buffer: String,
}

impl Terms {
    /// Counts the words of a text.
    pub fn add(&mut self, text: &str) {
        let (mut words, mut buffer) = (
            std::mem::take(&mut self.words),
            std::mem::take(&mut self.buffer),
        );
        each_word(text, &mut buffer, |word| {
            if is_term(word) {
                words.push(word.to_string());
            }
        });
        words.sort_unstable();
        words.dedup();
        words.drain(..).for_each(|word| self.count(&word, 1));
        (self.words, self.buffer) = (words, buffer);
        self.texts += 1;
    }

    fn count(&mut self, word: &str, count: u64) {
        if let Some(known) = self.counts.get_mut(word) {
            *known += count;
            return;
        }
        self.word_bytes += word.len();
        self.counts.insert(word.to_string(), count);
    }

    /// Adds the [`Terms::counts`] and [`Terms::texts`] of another set.
    pub fn append<'a>(&mut self, counts: impl Iterator<Item = (&'a str, u64)>, texts: u64) {
        counts.for_each(|(word, count)| self.count(word, count));
        self.texts += texts;
    }

    /// Words and the numbers of texts with the word, in any order.
    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        let counts = self.counts.iter();
        counts.map(|(word, count)| (word.as_str(), *count))
    }

    /// Number of texts.
    pub fn texts(&self) -> u64 {
        self.texts
    }

    /// Approximate bytes in memory.
    pub fn size(&self) -> usize {
        const WORD: usize = size_of::<(String, u64)>() + 16;
        self.word_bytes + self.counts.capacity() * WORD
    }

    /// The `limit` most characteristic words, by descending score. The score is
    /// the share of the texts with the word, times the logarithm of its ratio
    /// to [`word_frequency`].
    pub fn best(&self, limit: usize) -> Vec<&str> {
        let mut scored: Vec<(f64, &str)> = self
            .counts()
            .filter_map(|(word, count)| {
                let share = self.count_both_forms(word, count)? as f64 / self.texts as f64;
                Some((share * (share / word_frequency(word)).ln(), word))
            })
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let best = scored.into_iter().take(limit);
        best.map(|(_, word)| word).collect()
    }

    /// Number of texts with the word in singular or plural. `None` for the less
    /// frequent of the two forms.
    fn count_both_forms(&self, word: &str, count: u64) -> Option<u64> {
        let other = match word.strip_suffix('s') {
            Some(singular) => self.counts.get(singular).filter(|_| singular.len() > 2),
            None => self
                .counts
                .get(&format!("{word}s"))
                .filter(|_| word.len() > 2),
        };
        match other {
            None => Some(count),
            Some(other) if *other > count || (*other == count && word.ends_with('s')) => None,
            Some(other) => Some((count + other).min(self.texts)),
        }
    }
}

/// Whether a word can be characteristic: stop words, words with digits and
/// single word_bytes cannot.
fn is_term(word: &str) -> bool {
    word.chars().nth(1).is_some()
        && !word.chars().any(|c| c.is_ascii_digit())
        && !is_stop_word(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(texts: &[&str]) -> Terms {
        let mut terms = Terms::default();
        texts.iter().for_each(|text| terms.add(text));
        terms
    }

    #[test]
    fn frequent_words_that_are_rare_in_general_come_first() {
        let terms = terms(&[
            "New black hammock with 2 stands",
            "hammock, the black one",
            "camping hammocks",
            "chair",
        ]);
        let best = terms.best(99);
        let place = |term: &str| best.iter().position(|best| *best == term);
        assert_eq!(place("hammock"), Some(0));
        assert!(place("stands") < place("black"), "{best:?}");
        assert!(
            ["the", "2", "hammocks"]
                .iter()
                .all(|term| place(term).is_none())
        );
    }

    #[test]
    fn merged_parts_equal_the_whole() {
        let texts = ["red shoe", "blue shoe", "red hat"];
        let (whole, mut parts) = (terms(&texts), terms(&texts[..1]));
        let rest = terms(&texts[1..]);
        parts.append(rest.counts(), rest.texts());
        assert_eq!(whole.best(3), parts.best(3));
        assert!(terms(&[]).best(3).is_empty());
    }
}
