//! Approximate search: hierarchical navigable small worlds, after Malkov and
//! Yashunin (TPAMI 2020).
//!
//! `build` makes the graph, `search` walks it.

mod build;
mod search;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use super::dot;

pub use build::{build, build_memory};
pub use search::{Seen, View};

/// Links of a vector on the upper layers; on the lowest there are twice as many.
pub const LINKS: usize = 16;

/// Vectors of a graph, at most: the links of all upper layers are then counted
/// in 32 bits.
pub const MAX_VECTORS: usize = 1 << 31;

/// Candidates that a search keeps (`ef` in the paper), at most.
pub const MAX_EF: usize = 4096;

/// Layers of a graph, at most.
const MAX_LAYERS: usize = 16;

/// The end of a list of links that is not full.
const END: u32 = u32::MAX;

/// Who is linked to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Vectors x twice [`LINKS`].
    pub base: Vec<u32>,
    /// Per vector, where its upper links begin in `upper`, in lists of
    /// [`LINKS`]; and where the last ones end.
    pub starts: Vec<u32>,
    pub upper: Vec<u32>,
    /// Where every search begins.
    pub entry: u32,
}

/// A vector and its product with what is searched for.
#[derive(Clone, Copy, Debug)]
pub struct Found {
    pub score: f32,
    pub vector: u32,
}

impl PartialEq for Found {
    /// By the total order, in which NaN equals itself.
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Found {}

impl Ord for Found {
    /// Better ones are greater; of equal ones the first.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then(other.vector.cmp(&self.vector))
    }
}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What a search needs of a graph.
trait Links {
    /// The neighbours of a vector on a layer, up to [`END`].
    fn of(&self, vector: u32, layer: usize) -> &[u32];
    fn layers(&self, vector: u32) -> usize;
    fn vector(&self, vector: u32) -> &[f32];
    fn len(&self) -> usize;
}

/// The best of what is found, the very best first.
fn best_of(mut found: Vec<Found>, count: usize) -> Vec<Found> {
    found.sort_unstable_by(|a, b| b.cmp(a));
    found.truncate(count);
    found
}

fn found(links: &impl Links, query: &[f32], vector: u32) -> Found {
    Found {
        score: dot(links.vector(vector), query),
        vector,
    }
}
