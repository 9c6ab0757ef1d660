//! Forward and backward sums over the labels of a sequence.

use super::labels::LabelSet;
use super::sequences::FeatureRows;
use super::weights::{TransitionFactors, Weights};

/// Scaled forward sum below which a label is ignored.
const MIN_FORWARD: f32 = 1e-12;

/// Lowest score below the best of a token. Smaller exponentials would be slow subnormals.
const MIN_SCORE: f32 = -30.0;

/// Lanes of a sum of products.
const LANES: usize = 8;

/// Scaled forward and backward sums of a sequence. Buffers are reused.
#[derive(Debug, Default)]
pub struct Lattice {
    /// By token and label: exponentials of scores.
    pub emissions: Vec<f32>,
    pub forward: Vec<f32>,
    pub backward: Vec<f32>,
    /// By token: the sum that its forward values were divided by.
    pub scales: Vec<f32>,
    /// By label of the model: scores of a token.
    scores: Vec<f32>,
}

impl Lattice {
    /// Computes the sums for tokens with these features. The sequence is not empty.
    pub fn compute(
        &mut self,
        weights: &Weights,
        tokens: &FeatureRows,
        set: &LabelSet,
        factors: &TransitionFactors,
    ) {
        let (n, length) = (set.len(), tokens.len());
        self.scores.resize(set.local.len(), 0.0);
        self.emissions.clear();
        self.emissions.resize(n * length, 0.0);
        for (features, scores) in tokens.iter().zip(self.emissions.chunks_mut(n)) {
            self.scores.fill(0.0);
            weights.add_scores(features, &mut self.scores);
            let of_set = set.global.iter().map(|label| self.scores[*label as usize]);
            scores
                .iter_mut()
                .zip(of_set)
                .for_each(|(score, of_set)| *score = of_set);
            let max = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            scores
                .iter_mut()
                .for_each(|score| *score = (*score - max).max(MIN_SCORE).exp());
        }
        self.sum_forward(set, factors, length);
        self.sum_backward(set, factors, length);
    }

    fn sum_forward(&mut self, set: &LabelSet, factors: &TransitionFactors, length: usize) {
        let (n, open) = (set.len(), set.open_len());
        self.forward.clear();
        self.forward.resize(n * length, 0.0);
        self.scales.clear();
        for token in 0..length {
            let (before, rest) = self.forward.split_at_mut(token * n);
            let current = &mut rest[..n];
            match token {
                // A value does not begin with its inside.
                0 => current[..open].fill(1.0),
                _ => step_forward(&before[(token - 1) * n..], factors, open, current),
            }
            let emissions = &self.emissions[token * n..][..n];
            let mut scale = 0.0;
            for (value, emission) in current.iter_mut().zip(emissions) {
                *value *= emission;
                scale += *value;
            }
            let scale = scale.max(f32::MIN_POSITIVE);
            for value in current.iter_mut() {
                let scaled = *value / scale;
                *value = if scaled < MIN_FORWARD { 0.0 } else { scaled };
            }
            self.scales.push(scale);
        }
    }

    fn sum_backward(&mut self, set: &LabelSet, factors: &TransitionFactors, length: usize) {
        let (n, open) = (set.len(), set.open_len());
        self.backward.clear();
        self.backward.resize(n * length, 1.0);
        let mut next = vec![0.0; n];
        for token in (0..length - 1).rev() {
            let (current, after) = self.backward.split_at_mut((token + 1) * n);
            let emissions = &self.emissions[(token + 1) * n..][..n];
            let scale = self.scales[token + 1];
            for ((value, after), emission) in next.iter_mut().zip(&after[..n]).zip(emissions) {
                *value = after * emission / scale;
            }
            let current = &mut current[token * n..];
            let forward = &self.forward[token * n..][..n];
            let rows = factors.into_open.chunks_exact(open);
            for ((value, forward), row) in current.iter_mut().zip(forward).zip(rows) {
                *value = match *forward == 0.0 {
                    true => 0.0,
                    false => dot(row, &next[..open]),
                };
            }
            let (begins, insides) = current[1..].split_at_mut(open - 1);
            let factors = factors.from_begin.iter().zip(&factors.from_inside);
            for (at, (begin, inside)) in factors.enumerate() {
                begins[at] += begin * next[open + at];
                insides[at] += inside * next[open + at];
            }
        }
    }

    /// Probability of a label at a token.
    pub fn marginal(&self, n: usize, token: usize, label: usize) -> f32 {
        self.forward[token * n + label] * self.backward[token * n + label]
    }
}

/// Sums over the labels before.
fn step_forward(before: &[f32], factors: &TransitionFactors, open: usize, current: &mut [f32]) {
    let (into_open, insides) = current.split_at_mut(open);
    for (from, row) in before.iter().zip(factors.into_open.chunks_exact(open)) {
        if *from == 0.0 {
            continue;
        }
        for (sum, factor) in into_open.iter_mut().zip(row) {
            *sum += from * factor;
        }
    }
    let factors = factors.from_begin.iter().zip(&factors.from_inside);
    for (at, (begin, inside)) in factors.enumerate() {
        insides[at] = before[1 + at] * begin + before[open + at] * inside;
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
