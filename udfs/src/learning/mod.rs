//! Cheap models that learn from texts, vectors and answers; knows nothing of SQL.
//!
//! A student learns to foretell a sentence encoder's vectors from the words of
//! a text, a thousand times faster than the encoder makes them. Groups,
//! components and maps show what is in many vectors; words get vectors and
//! groups get names from texts alone.

mod bm25;
mod corpus;
mod features;
mod hold_out;
mod kmeans;
mod meanings;
mod neighbours;
mod pca;
mod quadtree;
mod random;
mod ridge;
mod student;
mod terms;
mod token_vectors;
mod tsne;
mod word2vec;

pub use bm25::bm25;
pub use corpus::Corpus;
pub use features::{Row, TEXTS};
pub use hold_out::Expected;
pub use kmeans::kmeans;
pub use meanings::{Frequencies, Meanings, each_counted, frequencies};
pub use pca::pca;
#[cfg(test)]
pub use random::Random;
pub use student::{Lesson, Student, Wanted};
pub use terms::Terms;
pub use token_vectors::TokenVectors;
pub use tsne::{most_perplexity, tsne};
pub use word2vec::{Choices, word2vec};
