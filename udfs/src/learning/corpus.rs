//! Texts as the numbers of their words.

use std::collections::HashMap;

use crate::words::{each_word, is_stop_word, pair};

/// Words of a text that belong together; longer texts are cut.
const MOST_WORDS: usize = 1_000;

/// Texts, in the order they came. Four bytes for each of their words, and each
/// different word once.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    numbers: HashMap<String, u32>,
    /// Bytes of the different words.
    letters: usize,
    tokens: Vec<u32>,
    /// Where each text ends.
    ends: Vec<u64>,
    buffer: String,
}

/// The words that are often enough, and the texts in terms of them: the same
/// for the same texts in whatever order they came.
#[derive(Clone, Debug, PartialEq)]
pub struct Vocabulary {
    /// Words and how often they are, the most frequent first, equally frequent
    /// ones in the order of the alphabet.
    pub words: Vec<(String, u64)>,
    /// The texts one after the other, in an order that their words decide.
    pub tokens: Vec<u32>,
    /// Where each text ends.
    pub ends: Vec<usize>,
}

impl Corpus {
    /// Adds a text without its stop words.
    pub fn add(&mut self, text: &str) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let first = self.tokens.len();
        each_word(text, &mut buffer, |word| {
            if !is_stop_word(word) {
                if self.tokens.len() - self.last_end() == MOST_WORDS {
                    self.end();
                }
                let number = self.number(word);
                self.tokens.push(number);
            }
        });
        self.buffer = buffer;
        if self.tokens.len() > first {
            self.end();
        }
    }

    fn last_end(&self) -> usize {
        self.ends.last().map_or(0, |end| *end as usize)
    }

    fn end(&mut self) {
        self.ends.push(self.tokens.len() as u64);
    }

    fn number(&mut self, word: &str) -> u32 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.numbers.len() as u32;
        self.letters += word.len();
        self.numbers.insert(word.to_string(), number);
        number
    }

    /// The different words by their numbers.
    pub fn words(&self) -> Vec<&str> {
        let mut words = vec![""; self.numbers.len()];
        for (word, number) in &self.numbers {
            words[*number as usize] = word;
        }
        words
    }

    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    pub fn ends(&self) -> &[u64] {
        &self.ends
    }

    /// Adds what another corpus gave as [`Corpus::words`], [`Corpus::tokens`]
    /// and [`Corpus::ends`].
    pub fn append<'a>(
        &mut self,
        words: impl Iterator<Item = &'a str>,
        tokens: &[u32],
        ends: &[u64],
    ) {
        let numbers: Vec<u32> = words.map(|word| self.number(word)).collect();
        let first = self.tokens.len() as u64;
        let tokens = tokens.iter().map(|token| numbers.get(*token as usize));
        self.tokens.extend(tokens.flatten());
        self.ends.extend(ends.iter().map(|end| first + end));
    }

    /// Bytes in memory, about.
    pub fn size(&self) -> usize {
        const WORD: usize = size_of::<(String, u32)>() + 16;
        self.letters
            + self.numbers.capacity() * WORD
            + self.tokens.capacity() * size_of::<u32>()
            + self.ends.capacity() * size_of::<u64>()
    }

    /// The words that are there `least` times or more, and the texts.
    pub fn vocabulary(&self, least: u64) -> Vocabulary {
        let mut counts = vec![0u64; self.numbers.len()];
        self.tokens.iter().for_each(|t| counts[*t as usize] += 1);
        let words = self.words();
        let mut kept: Vec<u32> = (0..counts.len() as u32)
            .filter(|number| counts[*number as usize] >= least)
            .collect();
        let of = |number: &u32| (counts[*number as usize], words[*number as usize]);
        kept.sort_unstable_by(|a, b| {
            let (a, b) = (of(a), of(b));
            b.0.cmp(&a.0).then(a.1.cmp(b.1))
        });
        let mut numbers = vec![None; counts.len()];
        for (at, number) in kept.iter().enumerate() {
            numbers[*number as usize] = Some(at as u32);
        }
        let mut texts: Vec<(u64, Vec<u32>)> = Vec::with_capacity(self.ends.len());
        let mut first = 0;
        for end in &self.ends {
            let text = &self.tokens[first..*end as usize];
            first = *end as usize;
            let text: Vec<u32> = text.iter().filter_map(|t| numbers[*t as usize]).collect();
            // A word by itself has no neighbours.
            if text.len() > 1 {
                let digest = text.iter().fold(0, |digest, t| pair(digest, u64::from(*t)));
                texts.push((digest, text));
            }
        }
        texts.sort_unstable();
        let mut vocabulary = Vocabulary {
            words: kept
                .iter()
                .map(|number| {
                    (
                        words[*number as usize].to_string(),
                        counts[*number as usize],
                    )
                })
                .collect(),
            tokens: Vec::new(),
            ends: Vec::with_capacity(texts.len()),
        };
        for (_, text) in texts {
            vocabulary.tokens.extend(text);
            vocabulary.ends.push(vocabulary.tokens.len());
        }
        vocabulary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 4] = [
        "The red shoe",
        "a red hat!",
        "blue shoe and red shoe",
        "of the",
    ];

    #[test]
    fn words_are_counted_and_stop_words_are_not() {
        let mut corpus = Corpus::default();
        TEXTS.iter().for_each(|text| corpus.add(text));
        let vocabulary = corpus.vocabulary(2);
        let words = [("red".to_string(), 3), ("shoe".to_string(), 3)];
        assert_eq!(vocabulary.words, words);
        assert_eq!(vocabulary.ends.len(), 2);
        assert_eq!(vocabulary.tokens.len(), 5);
        assert!(corpus.size() > 16);
    }

    #[test]
    fn neither_order_nor_parts_make_a_difference() {
        let mut whole = Corpus::default();
        TEXTS.iter().for_each(|text| whole.add(text));
        let mut parts = Corpus::default();
        for part in [&TEXTS[2..], &TEXTS[..2]] {
            let mut corpus = Corpus::default();
            part.iter().for_each(|text| corpus.add(text));
            parts.append(corpus.words().into_iter(), corpus.tokens(), corpus.ends());
        }
        assert_eq!(whole.vocabulary(1), parts.vocabulary(1));
    }

    #[test]
    fn long_texts_are_cut() {
        let mut corpus = Corpus::default();
        corpus.add(&"shoe ".repeat(2 * MOST_WORDS + 1));
        assert_eq!(corpus.ends(), [1000, 2000, 2001]);
    }
}
