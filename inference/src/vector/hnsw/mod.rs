//! Approximate nearest neighbours: hierarchical navigable small worlds, after
//! Malkov and Yashunin (TPAMI 2020).

mod build;
mod graph;
mod search;
#[cfg(test)]
mod tests;

pub use build::{build, build_memory};
pub use graph::{Graph, M, MAX_EF, MAX_VECTORS, ScoredVector};
pub use search::{GraphView, VisitedList};
