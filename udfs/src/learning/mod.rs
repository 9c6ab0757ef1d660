//! Cheap models that learn from texts and answers; knows nothing of SQL.
//!
//! A student learns to foretell a sentence encoder's vectors from the words of
//! a text, a thousand times faster than the encoder makes them.

mod bm25;
mod features;
mod hold_out;
mod kmeans;
mod meanings;
mod ridge;
mod student;
mod token_vectors;

pub use bm25::bm25;
pub use features::{Row, TEXTS};
pub use hold_out::Expected;
pub use kmeans::kmeans;
pub use meanings::{Frequencies, Meanings, each_counted, frequencies};
pub use student::{Lesson, Student, Wanted};
pub use token_vectors::TokenVectors;
