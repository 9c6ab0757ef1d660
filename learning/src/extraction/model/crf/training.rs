//! Training of the weights: stochastic gradients with steps by AdaGrad.

use semql_inference::progress::ProgressSink;
use semql_inference::random::Random;
use semql_inference::{Error, Result};

use super::labels::{LabelSet, NOT_IN_SET, label_count};
use super::lattice::Lattice;
use super::sequences::LabelledSequence;
use super::weights::{TransitionFactors, Weights};

/// Sequences between two checks for cancellation.
const CANCEL_INTERVAL: usize = 64;

/// Slopes below which a step is skipped.
const MIN_SLOPE: f32 = 2e-3;

/// Forward sums below which expected transitions are skipped.
const MIN_EXPECTED: f32 = 1e-5;

/// Sum of squared slopes before the first step.
const INITIAL_SQUARES: f32 = 1.0;

/// Options of the optimization.
#[derive(Clone, Copy, Debug)]
pub struct CrfOptions {
    /// Weight of half the squared norm.
    pub l2: f32,
    /// Size of the first step.
    pub rate: f32,
    /// Passes over the sequences.
    pub passes: usize,
    /// Last passes whose weights are averaged.
    pub averaged: usize,
    pub seed: u64,
}

/// The weights that maximize the regularized likelihood of the sequences. `features` is
/// the number of features.
///
/// # Errors
/// [`Error::Interrupted`] once `progress` is cancelled.
pub fn train_weights(
    sequences: &[LabelledSequence],
    sets: &[LabelSet],
    attributes: usize,
    features: usize,
    options: CrfOptions,
    progress: &dyn ProgressSink,
) -> Result<Weights> {
    let mut steps = Steps::new(sequences, attributes, features, options);
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    let mut random = Random::new(options.seed);
    let mut sum = vec![0.0_f32; steps.weights.values.len() + steps.weights.transitions.len()];
    let averaged = options.averaged.clamp(1, options.passes);
    for pass in 0..options.passes {
        for end in (1..order.len()).rev() {
            order.swap(end, random.below(end + 1));
        }
        for (at, sequence) in order.iter().enumerate() {
            if at % CANCEL_INTERVAL == 0 && progress.is_cancelled() {
                return Err(Error::Interrupted);
            }
            let sequence = &sequences[*sequence];
            steps.learn(sequence, &sets[sequence.set]);
        }
        if pass + averaged >= options.passes {
            let weights = &steps.weights;
            let all = weights.values.iter().chain(&weights.transitions);
            sum.iter_mut()
                .zip(all)
                .for_each(|(sum, value)| *sum += value);
        }
    }
    let mut weights = steps.weights;
    let all = weights.values.iter_mut().chain(&mut weights.transitions);
    all.zip(&sum)
        .for_each(|(value, sum)| *value = sum / averaged as f32);
    Ok(weights)
}

/// State of the optimization.
struct Steps {
    weights: Weights,
    /// Sums of the squared slopes, parallel to the weights.
    squares: Vec<f32>,
    transition_squares: Vec<f32>,
    /// By feature: `l2` over the number of its tokens, so that a pass adds up to `l2`.
    decay: Vec<f32>,
    transition_decay: f32,
    rate: f32,
    lattice: Lattice,
    /// By label of the model: slopes of a token.
    slopes: Vec<f32>,
    /// By label and open label: expected transitions.
    expected: Vec<f32>,
}

impl Steps {
    fn new(
        sequences: &[LabelledSequence],
        attributes: usize,
        features: usize,
        options: CrfOptions,
    ) -> Self {
        let weights = zero_weights(sequences, attributes, features);
        let mut counts = vec![0_u32; features];
        for sequence in sequences {
            sequence
                .tokens
                .all()
                .iter()
                .for_each(|feature| counts[*feature as usize] += 1);
        }
        Self {
            squares: vec![INITIAL_SQUARES; weights.values.len()],
            transition_squares: vec![INITIAL_SQUARES; weights.transitions.len()],
            decay: counts
                .iter()
                .map(|count| options.l2 / (*count).max(1) as f32)
                .collect(),
            transition_decay: options.l2 / sequences.len().max(1) as f32,
            rate: options.rate,
            lattice: Lattice::default(),
            slopes: vec![0.0; label_count(attributes)],
            expected: Vec::new(),
            weights,
        }
    }

    fn learn(&mut self, sequence: &LabelledSequence, set: &LabelSet) {
        let factors = self.weights.factors(set);
        self.lattice
            .compute(&self.weights, &sequence.tokens, set, &factors);
        self.learn_emissions(sequence, set);
        self.learn_transitions(sequence, set, &factors);
    }

    fn learn_emissions(&mut self, sequence: &LabelledSequence, set: &LabelSet) {
        let n = set.len();
        for (token, features) in sequence.tokens.iter().enumerate() {
            self.slopes.fill(0.0);
            let mut is_active = false;
            for (label, global) in set.global.iter().enumerate() {
                let marginal = self.lattice.marginal(n, token, label);
                let gold = f32::from(sequence.labels[token] == *global);
                let slope = marginal - gold;
                if slope.abs() > MIN_SLOPE {
                    is_active = true;
                    self.slopes[*global as usize] = slope;
                }
            }
            if !is_active {
                continue;
            }
            for feature in features {
                let decay = self.decay[*feature as usize];
                let range = self.weights.range(*feature);
                let labels = self.weights.labels[range.clone()].iter();
                let values = self.weights.values[range.clone()].iter_mut();
                let squares = self.squares[range].iter_mut();
                for ((label, value), squares) in labels.zip(values).zip(squares) {
                    let slope = self.slopes[*label as usize];
                    if slope != 0.0 {
                        let slope = slope + decay * *value;
                        *squares += slope * slope;
                        *value -= self.rate * slope / squares.sqrt();
                    }
                }
            }
        }
    }

    fn learn_transitions(
        &mut self,
        sequence: &LabelledSequence,
        set: &LabelSet,
        factors: &TransitionFactors,
    ) {
        let (n, open, length) = (set.len(), set.open_len(), sequence.tokens.len());
        self.expected.clear();
        // Open labels, then the inside from its begin and from itself.
        self.expected.resize(n * open + 2 * (open - 1), 0.0);
        let (into_open, into_inside) = self.expected.split_at_mut(n * open);
        let lattice = &self.lattice;
        let mut next = vec![0.0; n];
        for token in 1..length {
            let forward = &lattice.forward[(token - 1) * n..][..n];
            for (label, next) in next.iter_mut().enumerate() {
                let at = token * n + label;
                *next = lattice.emissions[at] * lattice.backward[at] / lattice.scales[token];
            }
            for (from, forward) in forward.iter().enumerate() {
                if *forward < MIN_EXPECTED {
                    continue;
                }
                let sums = into_open[from * open..][..open].iter_mut();
                let row = factors.into_open[from * open..][..open].iter();
                for ((sum, factor), next) in sums.zip(row).zip(&next[..open]) {
                    *sum += forward * factor * next;
                }
            }
            for at in 0..open - 1 {
                let next = next[open + at];
                into_inside[2 * at] += forward[1 + at] * factors.from_begin[at] * next;
                into_inside[2 * at + 1] += forward[open + at] * factors.from_inside[at] * next;
            }
        }
        for pair in sequence.labels.windows(2) {
            let (from, to) = (set.local[pair[0] as usize], set.local[pair[1] as usize]);
            if from == NOT_IN_SET || to == NOT_IN_SET {
                continue;
            }
            let (from, to) = (from as usize, to as usize);
            match to < open {
                true => into_open[from * open + to] -= 1.0,
                false => into_inside[2 * (to - open) + usize::from(from == to)] -= 1.0,
            }
        }
        for from in 0..n {
            for to in 0..open {
                let slope = self.expected[from * open + to];
                self.step_transition(set.global[from], set.global[to], slope);
            }
        }
        for at in 0..open - 1 {
            let (begin, inside) = (set.global[1 + at], set.global[open + at]);
            let base = n * open + 2 * at;
            let (from_begin, from_inside) = (self.expected[base], self.expected[base + 1]);
            self.step_transition(begin, inside, from_begin);
            self.step_transition(inside, inside, from_inside);
        }
    }

    fn step_transition(&mut self, from: u16, to: u16, slope: f32) {
        let at = self.weights.transition_at(from, to);
        let slope = slope + self.transition_decay * self.weights.transitions[at];
        if slope.abs() > MIN_SLOPE {
            self.transition_squares[at] += slope * slope;
            self.weights.transitions[at] -= self.rate * slope / self.transition_squares[at].sqrt();
        }
    }
}

/// Zero weights for the features and labels that occur together.
fn zero_weights(sequences: &[LabelledSequence], attributes: usize, features: usize) -> Weights {
    // By feature: its labels in the order of their first occurrence.
    let mut of_features: Vec<Vec<u16>> = vec![Vec::new(); features];
    for sequence in sequences {
        for (features, label) in sequence.tokens.iter().zip(&sequence.labels) {
            for feature in features {
                let labels = &mut of_features[*feature as usize];
                if !labels.contains(label) {
                    labels.push(*label);
                }
            }
        }
    }
    let (mut offsets, mut labels) = (vec![0], Vec::new());
    for mut of_feature in of_features {
        of_feature.sort_unstable();
        labels.extend(of_feature);
        offsets.push(labels.len() as u32);
    }
    let all = label_count(attributes);
    Weights {
        attributes,
        offsets,
        values: vec![0.0; labels.len()],
        labels,
        transitions: vec![0.0; all * all],
    }
}
