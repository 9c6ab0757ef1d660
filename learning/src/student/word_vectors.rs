//! Vectors of words in the subspace of a student, multiplied by the weights of the words.

use std::collections::HashMap;
use std::sync::Arc;

use super::sample_words::SampleWords;
use super::subspace::Subspace;
use crate::token_vectors::TokenVectors;
use crate::words::IdentityBuildHasher;
use semql_inference::encoding::Encoder;
use semql_inference::vector::add_scaled;

/// Largest number of words outside of the sample whose vectors a thread keeps; all are
/// dropped when it is reached.
const MAX_OTHER_WORDS: usize = 1 << 15;

/// Vectors of the words of a sample, and of the tokens of other words.
pub struct WordVectors {
    encoder: Arc<Encoder>,
    width: usize,
    /// By position of a word of the sample: positions x width.
    values: Vec<f32>,
    tokens: TokenVectors,
    /// What is subtracted from the mean of a word's tokens.
    mean: Vec<f32>,
}

impl WordVectors {
    /// `None` for an encoder without a vocabulary.
    pub fn of(words: &SampleWords, subspace: &Subspace, encoder: &Arc<Encoder>) -> Option<Self> {
        let vectors = words.vectors.as_ref()?;
        let mut values = subspace.project(&vectors.values);
        for (vector, weight) in values.chunks_exact_mut(subspace.width).zip(&words.weights) {
            vector.iter_mut().for_each(|v| *v *= weight);
        }
        Some(Self {
            encoder: Arc::clone(encoder),
            width: subspace.width,
            values,
            tokens: vectors.tokens.mapped(|values| subspace.project(values)),
            mean: subspace.project(&vectors.mean),
        })
    }

    /// Values of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Vector of the word of the sample at `position`.
    pub fn get(&self, position: u32) -> &[f32] {
        &self.values[position as usize * self.width..][..self.width]
    }

    /// Appends the vector of a word outside of the sample; zeros if it has no tokens.
    fn push_other(&self, word: &str, out: &mut Vec<f32>) {
        let start = out.len();
        out.resize(start + self.width, 0.0);
        let pieces = self.encoder.tokenizer.word_pieces(word);
        let out = &mut out[start..];
        if self.tokens.add_mean(&pieces, 1.0, out) {
            add_scaled(out, &self.mean, -1.0);
        }
    }
}

/// Vectors of words outside of the sample that a thread has met.
#[derive(Default)]
pub struct OtherWords {
    positions: HashMap<u64, u32, IdentityBuildHasher>,
    values: Vec<f32>,
}

impl OtherWords {
    /// Vector of `word`, with its hash.
    pub fn get(&mut self, hash: u64, word: &str, vectors: &WordVectors) -> &[f32] {
        if self.positions.len() >= MAX_OTHER_WORDS {
            self.positions.clear();
            self.values.clear();
        }
        let next = self.positions.len() as u32;
        let position = *self.positions.entry(hash).or_insert(next);
        if position == next {
            vectors.push_other(word, &mut self.values);
        }
        &self.values[position as usize * vectors.width..][..vectors.width]
    }
}
