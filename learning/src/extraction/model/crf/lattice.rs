//! Forward and backward sums over the labels of a sequence.

use super::labels::LabelSet;
use super::weights::{TransitionFactors, Weights};

/// Scaled forward and backward sums of a sequence. Buffers are reused.
#[derive(Default)]
pub struct Lattice {
    /// By token and label: exponentials of scores.
    pub emissions: Vec<f64>,
    pub forward: Vec<f64>,
    pub backward: Vec<f64>,
    /// By token: the sum that its forward values were divided by.
    pub scales: Vec<f64>,
    /// Logarithm of the sum over all labelings.
    pub log_sum: f64,
}

impl Lattice {
    /// Computes the sums for the tokens with these features. The sequence is not empty.
    pub fn compute(
        &mut self,
        weights: &Weights,
        tokens: &[Vec<u32>],
        set: &LabelSet,
        factors: &TransitionFactors,
    ) {
        let (n, length) = (factors.len(), tokens.len());
        self.emissions.clear();
        self.emissions.resize(n * length, 0.0);
        self.log_sum = 0.0;
        for (features, scores) in tokens.iter().zip(self.emissions.chunks_mut(n)) {
            weights.add_scores(features, set, scores);
            let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            for score in scores.iter_mut() {
                *score = (*score - max).exp();
            }
            self.log_sum += max;
        }
        self.forward.clear();
        self.forward.resize(n * length, 0.0);
        self.scales.clear();
        for token in 0..length {
            let (before, rest) = self.forward.split_at_mut(token * n);
            let current = &mut rest[..n];
            let emissions = &self.emissions[token * n..][..n];
            match token {
                0 => {
                    for (label, value) in current.iter_mut().enumerate() {
                        // A value does not begin with its inside.
                        *value = match label > 0 && label % 2 == 0 {
                            true => 0.0,
                            false => emissions[label],
                        };
                    }
                }
                _ => {
                    let before = &before[(token - 1) * n..];
                    for (label, value) in current.iter_mut().enumerate() {
                        *value = incoming(before, factors, label) * emissions[label];
                    }
                }
            }
            let scale: f64 = current.iter().sum();
            let scale = scale.max(f64::MIN_POSITIVE);
            current.iter_mut().for_each(|value| *value /= scale);
            self.scales.push(scale);
            self.log_sum += scale.ln();
        }
        self.backward.clear();
        self.backward.resize(n * length, 1.0);
        let mut next = vec![0.0; n];
        for token in (0..length - 1).rev() {
            let (current, after) = self.backward.split_at_mut((token + 1) * n);
            let current = &mut current[token * n..];
            let emissions = &self.emissions[(token + 1) * n..][..n];
            for (label, value) in next.iter_mut().enumerate() {
                *value = after[label] * emissions[label] / self.scales[token + 1];
            }
            current.fill(0.0);
            for (label, value) in next.iter().enumerate() {
                outgoing(current, factors, label, *value);
            }
        }
    }

    /// Probability of a label at a token.
    pub fn marginal(&self, n: usize, token: usize, label: usize) -> f64 {
        self.forward[token * n + label] * self.backward[token * n + label]
    }
}

/// Sum over the labels before `to`.
fn incoming(before: &[f64], factors: &TransitionFactors, to: usize) -> f64 {
    let into = factors.into(to);
    match to > 0 && to.is_multiple_of(2) {
        true => before[to - 1] * into[to - 1] + before[to] * into[to],
        false => before.iter().zip(into).map(|(a, b)| a * b).sum(),
    }
}

/// Adds `value` at label `to` to the labels before.
fn outgoing(current: &mut [f64], factors: &TransitionFactors, to: usize, value: f64) {
    let into = factors.into(to);
    match to > 0 && to.is_multiple_of(2) {
        true => {
            current[to - 1] += into[to - 1] * value;
            current[to] += into[to] * value;
        }
        false => {
            for (sum, factor) in current.iter_mut().zip(into) {
                *sum += factor * value;
            }
        }
    }
}
