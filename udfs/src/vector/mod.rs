//! Arithmetic on plain slices of floats.

mod dot;
mod normalize;

pub use dot::dot;
pub use normalize::normalize;
