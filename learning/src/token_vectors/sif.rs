//! Text vectors by smooth inverse frequency (Arora, Liang and Ma, ICLR 2017): sums
//! of token vectors in which frequent words have small weights.

use std::collections::HashMap;
use std::sync::Arc;

use super::vocabulary_vectors::TokenVectors;
use crate::words::{IdentityBuildHasher, each_word, hash_word};
use semql_inference::encoding::Encoder;

/// Words of a text that count, about as many as an encoder reads.
const MAX_WORDS: usize = 256;

/// Smoothing of the weights: a word of this frequency has half the weight of a
/// rare word.
const SMOOTHING: f32 = 1e-3;

/// Largest number of cached words; the cache is cleared when it is full.
const MAX_CACHED_WORDS: usize = 1 << 18;

/// By hash of a word: its share of all words.
pub type WordFrequencies = HashMap<u64, f32, IdentityBuildHasher>;

/// Computes text vectors word by word, for one thread.
pub struct SifEmbedder {
    tokens: Arc<TokenVectors>,
    encoder: Arc<Encoder>,
    frequencies: Arc<WordFrequencies>,
    cached: HashMap<u64, CachedWord, IdentityBuildHasher>,
    pieces: Vec<u32>,
}

/// Range of a word's tokens in `pieces`, and its weight.
#[derive(Clone, Copy)]
struct CachedWord {
    start: u32,
    end: u32,
    weight: f32,
}

impl SifEmbedder {
    pub fn new(
        tokens: Arc<TokenVectors>,
        encoder: Arc<Encoder>,
        frequencies: Arc<WordFrequencies>,
    ) -> Self {
        Self {
            tokens,
            encoder,
            frequencies,
            cached: HashMap::default(),
            pieces: Vec::new(),
        }
    }

    /// Values of a text vector.
    pub fn dims(&self) -> usize {
        self.tokens.dims
    }

    /// Adds a word, with its hash, to the text vector `out`.
    pub fn add(&mut self, hash: u64, word: &str, out: &mut [f32]) {
        let word = match self.cached.get(&hash) {
            Some(word) => *word,
            None => self.tokenize(hash, word),
        };
        let pieces = &self.pieces[word.start as usize..word.end as usize];
        self.tokens.add_mean(pieces, word.weight, out);
    }

    fn tokenize(&mut self, hash: u64, word: &str) -> CachedWord {
        if self.cached.len() >= MAX_CACHED_WORDS {
            self.cached.clear();
            self.pieces.clear();
        }
        let start = self.pieces.len() as u32;
        self.pieces.extend(self.encoder.tokenizer.word_pieces(word));
        let end = self.pieces.len() as u32;
        let frequency = self.frequencies.get(&hash).copied();
        let weight = sif_weight(frequency.unwrap_or(0.0));
        let word = CachedWord { start, end, weight };
        self.cached.insert(hash, word);
        word
    }
}

/// Weight of a word that is the share `frequency` of all words, 0..1.
pub fn sif_weight(frequency: f32) -> f32 {
    SMOOTHING / (SMOOTHING + frequency)
}

/// Calls `word` with the first [`MAX_WORDS`] words of a text.
pub fn each_leading_word(text: &str, buffer: &mut String, mut word: impl FnMut(&str)) {
    let mut left = MAX_WORDS;
    each_word(text, buffer, |found| {
        if left > 0 {
            left -= 1;
            word(found);
        }
    });
}

/// Frequencies of the words of `texts`.
pub fn word_frequencies<'a>(texts: impl Iterator<Item = &'a str>) -> WordFrequencies {
    let (mut counts, mut buffer, mut all) = (WordFrequencies::default(), String::new(), 0f32);
    for text in texts {
        each_leading_word(text, &mut buffer, |word| {
            *counts.entry(hash_word(word)).or_default() += 1.0;
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
    fn frequencies_sum_to_one() {
        let frequencies = word_frequencies(["red Red shoe", "red"].into_iter());
        assert_eq!(frequencies[&hash_word("red")], 0.75);
        assert_eq!(frequencies[&hash_word("shoe")], 0.25);
        assert_eq!(frequencies.len(), 2);
    }
}
