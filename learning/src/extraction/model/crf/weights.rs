//! Weights of a linear-chain CRF: of features with labels, and of pairs of labels.

use super::labels::{LabelSet, label_count};

/// Weights. A feature has weights for the labels that it occurred with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    pub attributes: usize,
    /// By feature: the start of its labels; one more at the end.
    pub offsets: Vec<u32>,
    pub labels: Vec<u16>,
    /// Parallel to `labels`.
    pub values: Vec<f32>,
    /// By label and next label.
    pub transitions: Vec<f32>,
}

impl Weights {
    /// Adds the weights of a token's features to the scores of the labels of a set.
    pub fn add_scores(&self, features: &[u32], set: &LabelSet, scores: &mut [f64]) {
        for feature in features {
            let range = self.range(*feature);
            for at in range {
                if let Some(local) = set.local[self.labels[at] as usize] {
                    scores[local as usize] += f64::from(self.values[at]);
                }
            }
        }
    }

    /// Positions of the labels of a feature.
    pub fn range(&self, feature: u32) -> std::ops::Range<usize> {
        let at = feature as usize;
        self.offsets[at] as usize..self.offsets[at + 1] as usize
    }

    /// Exponentials of the transition weights of a set.
    pub fn transitions(&self, set: &LabelSet) -> TransitionFactors {
        let (n, all) = (set.len(), label_count(self.attributes));
        let mut to_from = vec![0.0; n * n];
        for (from, from_global) in set.global.iter().enumerate() {
            for (to, to_global) in set.global.iter().enumerate() {
                if follows(from, to) {
                    let weight =
                        self.transitions[*from_global as usize * all + *to_global as usize];
                    to_from[to * n + from] = f64::from(weight).exp();
                }
            }
        }
        TransitionFactors { n, to_from }
    }
}

/// Whether label `to` may follow label `from`: the inside of a value follows its begin or
/// inside.
pub fn follows(from: usize, to: usize) -> bool {
    to == 0 || to % 2 == 1 || from == to || from + 1 == to
}

/// Exponentials of transition weights between the labels of a set.
pub struct TransitionFactors {
    n: usize,
    to_from: Vec<f64>,
}

impl TransitionFactors {
    /// Factors into label `to`, by the label before.
    pub fn into(&self, to: usize) -> &[f64] {
        &self.to_from[to * self.n..][..self.n]
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.n
    }
}
