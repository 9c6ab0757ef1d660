//! Features of a row.

use super::ngrams::SparseVector;

/// Features of a row: n-grams, and a vector (empty without vectors).
#[derive(Clone, Copy, Debug)]
pub struct FeatureRow<'a> {
    pub ngrams: &'a SparseVector,
    pub vector: &'a [f32],
}
