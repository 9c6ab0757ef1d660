//! A student of a sentence encoder: a ridge regression from words to vectors.

mod calibration;
mod features;
mod hold_out;
mod model;
mod ridge;

pub use features::{MAX_TEXTS, StudentRow};
pub use hold_out::ExpectedAgreement;
pub use model::{Student, StudentExample, StudentPredictions, StudentRequirements};
