//! Training of the weights.

use std::collections::HashSet;

use semql_inference::progress::ProgressSink;
use semql_inference::{Error, Result};

use super::labels::{LabelSet, label_count};
use super::lbfgs::minimize;
use super::objective::{LabelledSequence, Objective};
use super::weights::Weights;

/// Options of the optimization.
#[derive(Clone, Copy, Debug)]
pub struct CrfOptions {
    /// Weight of the squared norm.
    pub l2: f64,
    pub iterations: usize,
}

/// The weights that maximize the regularized likelihood of the sequences. `features` is
/// the number of features.
///
/// # Errors
/// [`Error::Interrupted`] once `progress` is cancelled.
pub fn train_weights(
    sequences: Vec<&LabelledSequence>,
    sets: &[LabelSet],
    attributes: usize,
    features: usize,
    options: CrfOptions,
    progress: &dyn ProgressSink,
) -> Result<Weights> {
    let mut weights = empty_weights(&sequences, attributes, features);
    let objective = Objective {
        sequences,
        sets,
        l2: options.l2,
    };
    let mut x = vec![0.0; weights.values.len() + weights.transitions.len()];
    let mut is_cancelled = false;
    minimize(
        &mut x,
        options.iterations,
        |x, gradient| {
            set_weights(&mut weights, x);
            objective.evaluate(&weights, gradient)
        },
        |_| {
            is_cancelled = progress.is_cancelled();
            !is_cancelled
        },
    );
    if is_cancelled {
        return Err(Error::Interrupted);
    }
    set_weights(&mut weights, &x);
    Ok(weights)
}

fn set_weights(weights: &mut Weights, x: &[f64]) {
    let all = weights.values.iter_mut().chain(&mut weights.transitions);
    for (weight, value) in all.zip(x) {
        *weight = *value as f32;
    }
}

/// Zero weights for the features and labels that occur together.
fn empty_weights(sequences: &[&LabelledSequence], attributes: usize, features: usize) -> Weights {
    let mut pairs: Vec<(u32, u16)> = Vec::new();
    let mut seen: HashSet<(u32, u16)> = HashSet::new();
    for sequence in sequences {
        for (features, label) in sequence.tokens.iter().zip(&sequence.labels) {
            for feature in features {
                if seen.insert((*feature, *label)) {
                    pairs.push((*feature, *label));
                }
            }
        }
    }
    pairs.sort_unstable();
    let mut offsets = Vec::with_capacity(features + 1);
    let mut at = 0;
    for feature in 0..=features as u32 {
        while at < pairs.len() && pairs[at].0 < feature {
            at += 1;
        }
        offsets.push(at as u32);
    }
    let labels = label_count(attributes);
    Weights {
        attributes,
        offsets,
        values: vec![0.0; pairs.len()],
        labels: pairs.into_iter().map(|(_, label)| label).collect(),
        transitions: vec![0.0; labels * labels],
    }
}
