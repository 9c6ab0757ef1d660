//! From texts to vectors and labels; knows nothing of SQL.

mod batches;
pub mod cache;
mod classify;
mod encoder;
mod meter;
pub mod offer;
mod rate;
mod request;
mod run;

pub use classify::{Classifier, best, scored};
pub use encoder::{Encoder, Identity, Opener};
pub use meter::{Meter, Metered};
pub use rate::Rate;
pub use request::{Reading, Request, Vectors};
pub use run::Run;
