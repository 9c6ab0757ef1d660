//! Small models that learn from texts, vectors and labels. They need no GPU.
//!
//! | item | purpose |
//! |---|---|
//! | [`Student`] | Predicts the labels of a sentence encoder from words, about a thousand times faster |
//! | [`text_classifier`] | Linear classifiers: training, prediction, ONNX export |
//! | [`extraction`] | Attribute values from texts: by rules, or learnt from labelled rows |
//! | [`trained_models`] | Models by name: files, and those in memory |
//! | [`training_runs`] | What trainings were given, what they measured and wrote |
//! | [`kmeans`](fn@kmeans) | k-means clustering |
//! | [`pca`], [`tsne`] | Projections of vectors |
//! | [`Corpus`], [`word2vec`](fn@word2vec) | Word vectors from texts |
//! | [`TokenVectors`], [`SifEmbedder`] | Text vectors from the vocabulary of an encoder |
//! | [`bm25`](fn@bm25) | Full-text search |
//! | [`Terms`] | The most characteristic words of a set of texts |
//! | [`text_language`](fn@text_language) | The language of a text |
//! | [`estimation`] | Shares and means with intervals, from predictions and a reviewed sample |
//! | [`contrast`] | Words, phrases and attributes that distinguish groups of texts |
//! | [`evaluation`] | Accuracy, F1 and kappa of predictions |
//! | [`words`] | Words of a text, their hashes, stop words and word frequencies |
//!
//! ```
//! // Four vectors of two values each.
//! let vectors = [0.0, 0.1, 0.1, 0.0, 9.0, 9.1, 9.1, 9.0];
//! let (dims, k, seed) = (2, 2, 0);
//! let clusters = semql_learning::kmeans(&vectors, dims, k, seed, &|| false).expect("not cancelled");
//! assert_eq!(clusters.assignments[0], clusters.assignments[1]);
//! assert_ne!(clusters.assignments[0], clusters.assignments[2]);
//! ```
//!
//! # Conventions
//!
//! - A matrix is a slice of `f32`, row by row, with the length of a row
//!   (`dims` or `width`) as another argument.
//! - The same input and seed give the same result on any number of cores.
//! - Long work takes a sink of its progress. Once the sink is cancelled, the
//!   work returns `None` or [`Error::Interrupted`](semql_inference::Error::Interrupted).
//!   A closure `Fn() -> bool` is a sink too: it returns whether to cancel.

mod binary;
mod bm25;
pub mod contrast;
pub mod estimation;
pub mod evaluation;
pub mod extraction;
mod kmeans;
pub mod matching;
mod projection;
mod student;
mod terms;
pub mod text_classifier;
mod text_language;
mod token_vectors;
pub mod trained_models;
pub mod training_runs;
mod word2vec;
pub mod words;

pub use bm25::bm25;
pub use kmeans::{Clusters, kmeans};
pub use projection::{PrincipalComponents, max_perplexity, pca, tsne};
pub use student::{
    ExpectedAgreement, MAX_TEXTS, SampleWords, Student, StudentExample, StudentPredictions,
    StudentRequirements, StudentRow, StudentTraining,
};
pub use terms::Terms;
pub use text_language::{ENGLISH, text_language};
pub use token_vectors::{SifEmbedder, TokenVectors, WordFrequencies, word_frequencies};
pub use word2vec::{Corpus, Word2VecOptions, WordVocabulary, word2vec};
