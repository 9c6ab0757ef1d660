//! The layered graph, and what its construction and its search share.

use std::cmp::Ordering;

use crate::vector::dot;

/// Links of a vector on an upper layer; level 0 has twice as many.
pub const M: usize = 16;

/// Maximum number of vectors: 32 bits then count the links of all upper layers.
pub const MAX_VECTORS: usize = 1 << 31;

/// Maximum `ef`: candidates that a search keeps.
pub const MAX_EF: usize = 4096;

/// Maximum number of layers.
pub(super) const MAX_LAYERS: usize = 16;

/// End of a list of links that is not full.
pub(super) const NO_LINK: u32 = u32::MAX;

/// Links between vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// Vectors x twice [`M`].
    pub level0: Vec<u32>,
    /// Per vector, the start of its links in `upper_levels`, in lists of [`M`];
    /// then the end of the last list.
    pub level_offsets: Vec<u32>,
    pub upper_levels: Vec<u32>,
    /// Start of every search.
    pub entry_point: u32,
}

/// A vector and its inner product with the query.
#[derive(Clone, Copy, Debug)]
pub struct ScoredVector {
    pub score: f32,
    pub vector: u32,
}

impl PartialEq for ScoredVector {
    /// By the total order, in which NaN equals itself.
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ScoredVector {}

impl Ord for ScoredVector {
    /// By score; of equal scores, the lower number is greater.
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then(other.vector.cmp(&self.vector))
    }
}

impl PartialOrd for ScoredVector {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Access to a graph, complete or under construction.
pub(super) trait GraphAccess {
    /// The links of a vector on a layer, up to [`NO_LINK`].
    fn links(&self, vector: u32, layer: usize) -> &[u32];
    fn layers(&self, vector: u32) -> usize;
    fn vector(&self, vector: u32) -> &[f32];
    fn len(&self) -> usize;
}

/// The `count` best, in descending order.
pub(super) fn top_k(mut scored: Vec<ScoredVector>, count: usize) -> Vec<ScoredVector> {
    scored.sort_unstable_by(|a, b| b.cmp(a));
    scored.truncate(count);
    scored
}

pub(super) fn score(graph: &impl GraphAccess, query: &[f32], vector: u32) -> ScoredVector {
    ScoredVector {
        score: dot(graph.vector(vector), query),
        vector,
    }
}
