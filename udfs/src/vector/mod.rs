//! Arithmetic on plain slices of floats.

mod add_scaled;
mod dot;
pub mod hnsw;
pub mod matrix;
mod normalize;
mod pair;
mod pairs;
mod prefetch;

pub use add_scaled::add_scaled;
pub use dot::dot;
pub use normalize::normalize;
pub use pair::{Number, Reference, cosine, distance};
pub use pairs::{Keep, Pair, PairsError, Units, pairs, pairs_within};
pub use prefetch::prefetch;
