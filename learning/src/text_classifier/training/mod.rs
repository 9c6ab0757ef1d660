//! Training of a classifier from labelled rows.

mod cross_validation;
mod examples;
mod fit_task;
mod held_out_evaluation;
mod train_classifier;
mod training_rows;

pub use examples::{TrainingExamples, TrainingVectors};
pub use train_classifier::train;
