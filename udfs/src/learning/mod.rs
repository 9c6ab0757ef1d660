//! Cheap models that learn from texts and answers; knows nothing of SQL.
//!
//! A student learns to foretell a sentence encoder's vectors from the words of
//! a text, a thousand times faster than the encoder makes them.

mod features;
mod hold_out;
mod ridge;
mod student;
mod token_vectors;

pub use features::{Row, TEXTS};
pub use hold_out::Expected;
pub use student::{Lesson, Student, Wanted};
pub use token_vectors::TokenVectors;
