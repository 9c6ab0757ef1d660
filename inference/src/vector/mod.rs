//! Kernels over slices of floats.

mod add_scaled;
mod dot;
pub mod hnsw;
pub mod matrix;
mod mean;
mod normalize;
mod prefetch;
mod similarity;
mod similarity_join;
mod unit_vectors;

pub use add_scaled::add_scaled;
pub use dot::dot;
pub use mean::{mean, subtract};
pub use normalize::normalize;
pub use prefetch::prefetch;
pub use similarity::{ReferenceVector, VectorElement, cosine, distance};
pub use similarity_join::{NeighbourLimit, Pair, PairsError, pairs, pairs_within};
pub use unit_vectors::UnitVectors;
