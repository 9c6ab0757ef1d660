//! Window functions over all vectors of a table, such as `kmeans(v, 8) OVER ()`.
//!
//! The rule [`PlanVectorWindows`] replaces the engine's window operator, which holds its
//! input twice, by [`VectorWindowExec`], which holds each vector once. Windows with
//! PARTITION BY stay with the engine.

mod exec;
mod rule;

pub use exec::{VectorWindowCall, VectorWindowExec};
pub use rule::PlanVectorWindows;
