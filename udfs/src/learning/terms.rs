//! The words that tell most of what some texts are about.

use std::collections::HashMap;

use crate::words::{each_word, is_stop_word, usual_share};

/// In how many of the texts each word is.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    counts: HashMap<String, u64>,
    texts: u64,
    /// Bytes of the words.
    letters: usize,
    /// The words of the text at hand; saves allocations.
    words: Vec<String>,
    buffer: String,
}

impl Terms {
    pub fn add(&mut self, text: &str) {
        let (mut words, mut buffer) = (
            std::mem::take(&mut self.words),
            std::mem::take(&mut self.buffer),
        );
        each_word(text, &mut buffer, |word| {
            if tells(word) {
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
        self.letters += word.len();
        self.counts.insert(word.to_string(), count);
    }

    /// Adds what others gave as [`Terms::counts`] and [`Terms::texts`].
    pub fn append<'a>(&mut self, counts: impl Iterator<Item = (&'a str, u64)>, texts: u64) {
        counts.for_each(|(word, count)| self.count(word, count));
        self.texts += texts;
    }

    pub fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        let counts = self.counts.iter();
        counts.map(|(word, count)| (word.as_str(), *count))
    }

    pub fn texts(&self) -> u64 {
        self.texts
    }

    /// Bytes in memory, about.
    pub fn size(&self) -> usize {
        const WORD: usize = size_of::<(String, u64)>() + 16;
        self.letters + self.counts.capacity() * WORD
    }

    /// The most telling words, the most telling first: the share of the texts
    /// that have a word, times how much larger that is than usual (by its
    /// logarithm).
    pub fn best(&self, wanted: usize) -> Vec<&str> {
        let mut weighed: Vec<(f64, &str)> = self
            .counts()
            .filter_map(|(word, count)| {
                let share = self.with_other_form(word, count)? as f64 / self.texts as f64;
                Some((share * (share / usual_share(word)).ln(), word))
            })
            .collect();
        weighed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        let best = weighed.into_iter().take(wanted);
        best.map(|(_, word)| word).collect()
    }

    /// How many texts have the word, in singular or plural; `None` for the form
    /// of the two that is less frequent.
    fn with_other_form(&self, word: &str, count: u64) -> Option<u64> {
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

/// Whether a word can tell anything: stop words, numbers and single letters
/// cannot.
fn tells(word: &str) -> bool {
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
    fn words_of_many_texts_that_are_rare_in_general_come_first() {
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
    fn parts_make_the_same_as_the_whole() {
        let texts = ["red shoe", "blue shoe", "red hat"];
        let (whole, mut parts) = (terms(&texts), terms(&texts[..1]));
        let rest = terms(&texts[1..]);
        parts.append(rest.counts(), rest.texts());
        assert_eq!(whole.best(3), parts.best(3));
        assert!(terms(&[]).best(3).is_empty());
    }
}
