//! From texts to vectors and labels; knows nothing of SQL.

mod batches;
mod categorize;
mod classify;
mod encoder;

pub use categorize::categorize;
pub use classify::{Classifier, best, scored};
pub use encoder::{Encoder, Run, Vectors};
