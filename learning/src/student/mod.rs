//! A student of a sentence encoder: a ridge regression from words to vectors.

mod calibration;
mod doubt;
mod features;
mod hold_out;
mod kernel;
mod model;
mod ridge;
mod rows;
mod sample_words;
mod subspace;
mod training;
mod word_vectors;

pub use hold_out::ExpectedAgreement;
pub use model::{Student, StudentPredictions};
pub use rows::{MAX_TEXTS, StudentRow};
pub use sample_words::SampleWords;
pub use training::{StudentExample, StudentRequirements, StudentTraining};
