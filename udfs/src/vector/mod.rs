//! Arithmetic on plain slices of floats.

mod add_scaled;
mod dot;
pub mod matrix;
mod normalize;

pub use add_scaled::add_scaled;
pub use dot::dot;
pub use normalize::normalize;
