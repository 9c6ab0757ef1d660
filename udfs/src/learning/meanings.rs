//! What the words of a text roughly mean: the sum of the vectors of their
//! tokens, frequent words weighing less.

use std::collections::HashMap;
use std::sync::Arc;

use super::token_vectors::TokenVectors;
use crate::inference::Encoder;
use crate::vector::add_scaled;
use crate::words::{Numbered, each_word, number};

/// Words of a text that count; the encoder reads no more either.
pub const MOST_WORDS: usize = 256;

/// Words that are more frequent than this weigh less in a text's meaning.
const FREQUENT: f32 = 1e-3;

/// Different words that are remembered; beyond, all are forgotten and read anew.
const MOST_REMEMBERED: usize = 1 << 18;

/// The share of each word among all words, by the word's number.
pub type Frequencies = HashMap<u64, f32, Numbered>;

/// Works meanings out, one thread each.
pub struct Meanings {
    tokens: Arc<TokenVectors>,
    encoder: Arc<Encoder>,
    frequencies: Arc<Frequencies>,
    remembered: HashMap<u64, Word, Numbered>,
    pieces: Vec<u32>,
}

/// A word's tokens, as a stretch of `pieces`, and what one of them weighs.
#[derive(Clone, Copy)]
struct Word {
    start: u32,
    end: u32,
    weight: f32,
}

impl Meanings {
    pub fn new(
        tokens: Arc<TokenVectors>,
        encoder: Arc<Encoder>,
        frequencies: Arc<Frequencies>,
    ) -> Self {
        Self {
            tokens,
            encoder,
            frequencies,
            remembered: HashMap::default(),
            pieces: Vec::new(),
        }
    }

    /// Values of a meaning.
    pub fn dims(&self) -> usize {
        self.tokens.dims
    }

    /// Adds the meaning of a word, whose number is `name`, to `out`.
    pub fn add(&mut self, name: u64, word: &str, out: &mut [f32]) {
        let word = match self.remembered.get(&name) {
            Some(word) => *word,
            None => self.read(name, word),
        };
        for piece in &self.pieces[word.start as usize..word.end as usize] {
            if let Some(vector) = self.tokens.get(*piece) {
                add_scaled(out, vector, word.weight);
            }
        }
    }

    fn read(&mut self, name: u64, word: &str) -> Word {
        if self.remembered.len() >= MOST_REMEMBERED {
            self.remembered.clear();
            self.pieces.clear();
        }
        let start = self.pieces.len() as u32;
        self.pieces.extend(self.encoder.tokenizer.pieces(word));
        let end = self.pieces.len() as u32;
        let frequency = self.frequencies.get(&name).copied();
        let weight = FREQUENT / (FREQUENT + frequency.unwrap_or(0.0));
        let word = Word {
            start,
            end,
            weight: weight / (end - start).max(1) as f32,
        };
        self.remembered.insert(name, word);
        word
    }
}

/// Calls `word` with the words of a text that count.
pub fn each_counted(text: &str, buffer: &mut String, mut word: impl FnMut(&str)) {
    let mut left = MOST_WORDS;
    each_word(text, buffer, |found| {
        if left > 0 {
            left -= 1;
            word(found);
        }
    });
}

/// The share of each word in `texts`.
pub fn frequencies<'a>(texts: impl Iterator<Item = &'a str>) -> Frequencies {
    let (mut counts, mut buffer, mut all) = (Frequencies::default(), String::new(), 0f32);
    for text in texts {
        each_counted(text, &mut buffer, |word| {
            *counts.entry(number(word)).or_default() += 1.0;
            all += 1.0;
        });
    }
    counts.values_mut().for_each(|count| *count /= all);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_words_sum_to_one() {
        let shares = frequencies(["red Red shoe", "red"].into_iter());
        assert_eq!(shares[&number("red")], 0.75);
        assert_eq!(shares[&number("shoe")], 0.25);
        assert_eq!(shares.len(), 2);
    }
}
