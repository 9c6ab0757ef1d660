//! Negative log-likelihood of labelled sequences, and its gradient.

use std::sync::Mutex;

use semql_inference::parallel::parallel_for_each;
use semql_inference::sync::lock;

use super::labels::{LabelSet, label_count};
use super::lattice::Lattice;
use super::weights::{TransitionFactors, Weights, follows};

/// Parts of the gradient. Their number is fixed, so that the order of additions does not
/// depend on the number of cores.
const PARTS: usize = 8;

/// Labelled sequence.
#[derive(Clone, Debug)]
pub struct LabelledSequence {
    /// By token: its features.
    pub tokens: Vec<Vec<u32>>,
    /// By token: its label of the model.
    pub labels: Vec<u16>,
    /// Position of its label set.
    pub set: usize,
}

/// Objective over sequences.
pub struct Objective<'a> {
    pub sequences: Vec<&'a LabelledSequence>,
    pub sets: &'a [LabelSet],
    /// Weight of the squared norm of the weights.
    pub l2: f64,
}

impl Objective<'_> {
    /// The value at `weights`, and the gradient by `values`, then `transitions`.
    pub fn evaluate(&self, weights: &Weights, gradient: &mut [f64]) -> f64 {
        let factors: Vec<TransitionFactors> = self
            .sets
            .iter()
            .map(|set| weights.transitions(set))
            .collect();
        let results: Vec<Mutex<(f64, Vec<f64>)>> = (0..PARTS).map(|_| Mutex::default()).collect();
        parallel_for_each(results.iter().enumerate(), |(part, result)| {
            let mut own = vec![0.0; gradient.len()];
            let mut loss = 0.0;
            let mut lattice = Lattice::default();
            for sequence in self.sequences.iter().skip(part).step_by(PARTS) {
                let (set, factors) = (&self.sets[sequence.set], &factors[sequence.set]);
                loss += sequence_loss(sequence, weights, set, factors, &mut lattice, &mut own);
            }
            *lock(result) = (loss, own);
        });
        gradient.fill(0.0);
        let mut loss = 0.0;
        for result in results {
            let (part_loss, part) = result.into_inner().unwrap_or_else(|dead| dead.into_inner());
            loss += part_loss;
            for (sum, value) in gradient.iter_mut().zip(part) {
                *sum += value;
            }
        }
        let all = weights.values.iter().chain(&weights.transitions);
        for (slope, weight) in gradient.iter_mut().zip(all) {
            let weight = f64::from(*weight);
            loss += 0.5 * self.l2 * weight * weight;
            *slope += self.l2 * weight;
        }
        loss
    }
}

fn sequence_loss(
    sequence: &LabelledSequence,
    weights: &Weights,
    set: &LabelSet,
    factors: &TransitionFactors,
    lattice: &mut Lattice,
    gradient: &mut [f64],
) -> f64 {
    lattice.compute(weights, &sequence.tokens, set, factors);
    let (n, all) = (set.len(), label_count(weights.attributes));
    let (slopes, transition_slopes) = gradient.split_at_mut(weights.values.len());
    let mut score = 0.0;
    let mut marginals = vec![0.0; n];
    for (token, features) in sequence.tokens.iter().enumerate() {
        for (label, marginal) in marginals.iter_mut().enumerate() {
            *marginal = lattice.marginal(n, token, label);
        }
        let gold = sequence.labels[token];
        for feature in features {
            for at in weights.range(*feature) {
                let label = weights.labels[at];
                let Some(local) = set.local[label as usize] else {
                    continue;
                };
                slopes[at] += marginals[local as usize];
                if label == gold {
                    slopes[at] -= 1.0;
                    score += f64::from(weights.values[at]);
                }
            }
        }
        if token > 0 {
            let before = sequence.labels[token - 1];
            let at = before as usize * all + gold as usize;
            transition_slopes[at] -= 1.0;
            score += f64::from(weights.transitions[at]);
        }
    }
    // Expected transitions.
    for token in 1..sequence.tokens.len() {
        let before = &lattice.forward[(token - 1) * n..][..n];
        for to in 0..n {
            let at = token * n + to;
            let value = lattice.emissions[at] * lattice.backward[at] / lattice.scales[token];
            if value < 1e-12 {
                continue;
            }
            let into = factors.into(to);
            let to_global = set.global[to] as usize;
            for (from, forward) in before.iter().enumerate() {
                if follows(from, to) {
                    let from_global = set.global[from] as usize;
                    transition_slopes[from_global * all + to_global] +=
                        forward * into[from] * value;
                }
            }
        }
    }
    lattice.log_sum - score
}
