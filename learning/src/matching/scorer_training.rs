//! Weights of the scorer from labelled pairs: logistic regression around given weights.

use faer::linalg::solvers::DenseSolveCore;
use faer::{MatRef, Side};

use super::pair_features::{PairFeatures, WIDTH};
use super::pair_scorer::PairScorer;

/// Weights and the intercept, which is last.
const PARAMETERS: usize = WIDTH + 1;

/// Newton steps, and halvings of one that goes too far.
const MAX_STEPS: usize = 50;
const MAX_HALVINGS: usize = 30;

/// Length of a step at which the fit has converged.
const CONVERGED: f64 = 1e-6;

type Parameters = [f64; PARAMETERS];

/// A pair to learn from.
#[derive(Clone, Copy, Debug)]
pub struct TrainingPair {
    pub features: PairFeatures,
    pub is_match: bool,
}

/// The most probable scorer, given `pairs` and that its weights are normally distributed
/// around those of `prior` with the variance 1 / `strength`. Few pairs change it little.
pub fn fit_scorer(pairs: &[TrainingPair], prior: &PairScorer, strength: f64) -> PairScorer {
    let prior = parameters(prior);
    let mut current = prior;
    let mut loss = objective(pairs, &current, &prior, strength);
    for _ in 0..MAX_STEPS {
        let (gradient, curvature) = derivatives(pairs, &current, &prior, strength);
        let Some(step) = solve(&curvature, &gradient) else {
            break;
        };
        let mut share = 1.0;
        let mut halvings = 0;
        let (next, next_loss) = loop {
            let mut next = current;
            for (value, step) in next.iter_mut().zip(&step) {
                *value -= share * step;
            }
            let next_loss = objective(pairs, &next, &prior, strength);
            if next_loss <= loss || halvings == MAX_HALVINGS {
                break (next, next_loss);
            }
            share /= 2.0;
            halvings += 1;
        };
        if next_loss > loss {
            break;
        }
        (current, loss) = (next, next_loss);
        let length: f64 = step.iter().map(|step| (share * step).powi(2)).sum();
        if length.sqrt() < CONVERGED {
            break;
        }
    }
    scorer(&current)
}

/// Mean logarithmic loss of the probabilities of a scorer; 0 without pairs.
pub fn log_loss(pairs: &[TrainingPair], scorer: &PairScorer) -> f64 {
    let loss: f64 = pairs
        .iter()
        .map(|pair| {
            let log_odds = f64::from(scorer.log_odds(&pair.features));
            pair_loss(log_odds, pair.is_match)
        })
        .sum();
    loss / pairs.len().max(1) as f64
}

fn pair_loss(log_odds: f64, is_match: bool) -> f64 {
    let against = if is_match { -log_odds } else { log_odds };
    // ln(1 + e^x) without overflow.
    against.max(0.0) + (-against.abs()).exp().ln_1p()
}

fn parameters(scorer: &PairScorer) -> Parameters {
    let mut parameters = [f64::from(scorer.intercept); PARAMETERS];
    for (parameter, weight) in parameters.iter_mut().zip(&scorer.weights) {
        *parameter = f64::from(*weight);
    }
    parameters
}

fn scorer(parameters: &Parameters) -> PairScorer {
    let mut weights = [0.0; WIDTH];
    for (weight, parameter) in weights.iter_mut().zip(parameters) {
        *weight = *parameter as f32;
    }
    PairScorer {
        intercept: parameters[WIDTH] as f32,
        weights,
    }
}

/// The features of a pair, and 1 for the intercept.
fn inputs(pair: &TrainingPair) -> Parameters {
    let mut inputs = [1.0; PARAMETERS];
    for (input, feature) in inputs.iter_mut().zip(&pair.features) {
        *input = f64::from(*feature);
    }
    inputs
}

fn dot(a: &Parameters, b: &Parameters) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn objective(
    pairs: &[TrainingPair],
    parameters: &Parameters,
    prior: &Parameters,
    strength: f64,
) -> f64 {
    let losses = pairs
        .iter()
        .map(|pair| pair_loss(dot(parameters, &inputs(pair)), pair.is_match));
    let distance = parameters.iter().zip(prior).map(|(a, b)| (a - b).powi(2));
    losses.sum::<f64>() + strength / 2.0 * distance.sum::<f64>()
}

/// Gradient and second derivatives of the objective.
fn derivatives(
    pairs: &[TrainingPair],
    parameters: &Parameters,
    prior: &Parameters,
    strength: f64,
) -> (Parameters, [Parameters; PARAMETERS]) {
    let mut gradient = [0.0; PARAMETERS];
    let mut curvature = [[0.0; PARAMETERS]; PARAMETERS];
    for (at, (parameter, prior)) in parameters.iter().zip(prior).enumerate() {
        gradient[at] = strength * (parameter - prior);
        curvature[at][at] = strength;
    }
    for pair in pairs {
        let inputs = inputs(pair);
        let probability = 1.0 / (1.0 + (-dot(parameters, &inputs)).exp());
        let excess = probability - f64::from(u8::from(pair.is_match));
        let spread = probability * (1.0 - probability);
        for (row, input) in inputs.iter().enumerate() {
            gradient[row] += excess * input;
            let scaled = spread * input;
            for (value, other) in curvature[row].iter_mut().zip(&inputs) {
                *value += scaled * other;
            }
        }
    }
    (gradient, curvature)
}

/// The solution of `matrix * x = right` for a positive definite matrix; `None` for any
/// other.
fn solve(matrix: &[Parameters; PARAMETERS], right: &Parameters) -> Option<Parameters> {
    let matrix = MatRef::from_row_major_slice(matrix.as_flattened(), PARAMETERS, PARAMETERS);
    let inverse = matrix.llt(Side::Lower).ok()?.inverse();
    Some(std::array::from_fn(|row| {
        let products = right
            .iter()
            .enumerate()
            .map(|(at, value)| inverse[(row, at)] * value);
        products.sum()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matching::pair_features::{SAME_COLOR, TITLE_SIMILARITY};
    use semql_inference::random::Random;

    /// Pairs whose labels follow `truth`, with chance.
    fn pairs(count: usize, truth: &PairScorer) -> Vec<TrainingPair> {
        let mut random = Random::new(7);
        (0..count)
            .map(|_| {
                let mut features = [0.0; WIDTH];
                features[TITLE_SIMILARITY] = random.unit() as f32;
                features[SAME_COLOR] = random.below(2) as f32;
                let log_odds = f64::from(truth.log_odds(&features));
                let is_match = random.unit() < 1.0 / (1.0 + (-log_odds).exp());
                TrainingPair { features, is_match }
            })
            .collect()
    }

    fn truth() -> PairScorer {
        let mut weights = [0.0; WIDTH];
        weights[TITLE_SIMILARITY] = 4.0;
        weights[SAME_COLOR] = -1.5;
        PairScorer {
            intercept: -1.0,
            weights,
        }
    }

    #[test]
    fn weights_are_recovered() {
        let found = fit_scorer(&pairs(20_000, &truth()), &PairScorer::default(), 1.0);
        assert!((found.intercept + 1.0).abs() < 0.2, "{found:?}");
        assert!((found.weights[TITLE_SIMILARITY] - 4.0).abs() < 0.3);
        assert!((found.weights[SAME_COLOR] + 1.5).abs() < 0.2);
        // Features that no pair has keep their weights.
        let prior = PairScorer::default();
        for (found, prior) in found.weights.iter().zip(&prior.weights).skip(11) {
            assert!((found - prior).abs() < 1e-3);
        }
    }

    #[test]
    fn few_pairs_and_strong_priors_change_little() {
        let prior = PairScorer::default();
        assert_eq!(fit_scorer(&[], &prior, 1.0), prior);
        let few = pairs(20, &truth());
        let change = |strength| {
            let found = fit_scorer(&few, &prior, strength);
            (found.intercept - prior.intercept).abs()
        };
        assert!(change(100.0) < change(1.0));
        assert!(log_loss(&few, &fit_scorer(&few, &prior, 0.1)) < log_loss(&few, &prior));
    }

    #[test]
    fn separable_pairs_have_finite_weights() {
        let pair = |similarity: f32| {
            let mut features = [0.0; WIDTH];
            features[TITLE_SIMILARITY] = similarity;
            TrainingPair {
                features,
                is_match: similarity > 0.5,
            }
        };
        let pairs: Vec<_> = (0..100).map(|at| pair(at as f32 / 100.0)).collect();
        let found = fit_scorer(&pairs, &PairScorer::default(), 1e-3);
        assert!(found.weights.iter().all(|weight| weight.is_finite()));
        assert!(found.log_odds(&pairs[99].features) > 0.0);
        assert!(found.log_odds(&pairs[0].features) < 0.0);
    }

    #[test]
    fn infinite_log_odds_have_a_finite_loss() {
        assert_eq!(pair_loss(800.0, true), 0.0);
        assert_eq!(pair_loss(800.0, false), 800.0);
    }
}
