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
    /// Adds the weights of a token's features to the scores, by label of the model.
    pub fn add_scores(&self, features: &[u32], scores: &mut [f32]) {
        for feature in features {
            let range = self.range(*feature);
            let labels = self.labels[range.clone()].iter();
            for (label, value) in labels.zip(&self.values[range]) {
                scores[*label as usize] += value;
            }
        }
    }

    /// Positions of the labels of a feature.
    pub fn range(&self, feature: u32) -> std::ops::Range<usize> {
        let at = feature as usize;
        self.offsets[at] as usize..self.offsets[at + 1] as usize
    }

    /// Position of the weight of a pair of labels.
    pub fn transition_at(&self, from: u16, to: u16) -> usize {
        from as usize * label_count(self.attributes) + to as usize
    }

    /// Exponentials of the transition weights of a set.
    pub fn factors(&self, set: &LabelSet) -> TransitionFactors {
        let weight = |from: u16, to: u16| {
            let weight = self.transitions[self.transition_at(from, to)];
            weight.clamp(-MAX_TRANSITION, MAX_TRANSITION).exp()
        };
        let (open, attributes) = (set.open_len(), set.attributes.len());
        let mut into_open = Vec::with_capacity(set.len() * open);
        for from in &set.global {
            into_open.extend(set.global[..open].iter().map(|to| weight(*from, *to)));
        }
        let inside = |position: usize| set.global[open + position];
        let from_begin = (0..attributes).map(|at| weight(set.global[1 + at], inside(at)));
        let from_inside = (0..attributes).map(|at| weight(inside(at), inside(at)));
        TransitionFactors {
            into_open,
            from_begin: from_begin.collect(),
            from_inside: from_inside.collect(),
        }
    }
}

/// Largest transition weight, which keeps the factors finite.
const MAX_TRANSITION: f32 = 30.0;

/// Exponentials of transition weights between the labels of a set.
#[derive(Clone, Debug, Default)]
pub struct TransitionFactors {
    /// By label and open label, that is outside or a begin.
    pub into_open: Vec<f32>,
    /// By attribute of the set: from its begin to its inside.
    pub from_begin: Vec<f32>,
    /// By attribute of the set: from its inside to its inside.
    pub from_inside: Vec<f32>,
}
