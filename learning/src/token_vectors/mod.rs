//! Text vectors from the vocabulary of an encoder, without running the encoder.

mod sif;
mod vocabulary_vectors;

pub use sif::{SifEmbedder, WordFrequencies, each_leading_word, sif_weight, word_frequencies};
pub use vocabulary_vectors::TokenVectors;
