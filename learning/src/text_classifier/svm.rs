//! Linear support vector machine for two classes.
//!
//! Dual coordinate descent with the squared hinge loss and shrinking, after
//! Hsieh and others, "A Dual Coordinate Descent Method for Large-scale Linear
//! SVM" (ICML 2008).

use super::feature_row::FeatureRow;
use semql_inference::progress::ProgressSink;
use semql_inference::vector::{add_scaled, dot};

/// Limit of passes over the rows; most trainings need a dozen.
const MAX_PASSES: usize = 60;

/// Range of the projected gradient that ends the training.
const TOLERANCE: f32 = 0.05;

/// Smallest absolute weight to keep, relative to the largest.
const MIN_WEIGHT: f32 = 1e-2;

/// Value of the constant feature of every row.
const BIAS: f32 = 1.0;

/// Weights of a binary classifier.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BinaryWeights {
    /// N-grams and weights, by ascending n-gram.
    pub ngrams: Vec<(u32, f32)>,
    pub vector: Vec<f32>,
    pub bias: f32,
}

/// Trains a classifier of the rows that are `positive` against the others. `cost`
/// has the cost of each row on the wrong side. Returns early once `progress` is
/// cancelled.
pub fn train_binary(
    rows: &[FeatureRow<'_>],
    positive: &[bool],
    cost: &[f32],
    features: usize,
    progress: &dyn ProgressSink,
) -> BinaryWeights {
    let mut weights = vec![0f32; features];
    let mut vector = vec![0f32; rows.first().map_or(0, |row| row.vector.len())];
    let mut bias = 0f32;
    let mut alpha = vec![0f32; rows.len()];
    let lengths: Vec<f32> = rows
        .iter()
        .map(|row| {
            let ngrams: f32 = row.ngrams.iter().map(|(_, v)| v * v).sum();
            ngrams + dot(row.vector, row.vector) + BIAS * BIAS
        })
        .collect();
    let mut active: Vec<u32> = (0..rows.len() as u32).collect();
    let (mut ceiling, mut random) = (f32::INFINITY, 0x2545_F491_4F6C_DD1D_u64);
    for _ in 0..MAX_PASSES {
        if progress.is_cancelled() {
            break;
        }
        let (mut highest, mut lowest) = (f32::NEG_INFINITY, f32::INFINITY);
        shuffle(&mut active, &mut random);
        let mut at = 0;
        while at < active.len() {
            let row = active[at] as usize;
            let sign = if positive[row] { 1.0 } else { -1.0 };
            let ngrams = rows[row].ngrams.iter();
            let ngrams: f32 = ngrams.map(|(f, v)| weights[*f as usize] * v).sum();
            let score = ngrams + dot(rows[row].vector, &vector);
            let diagonal = 0.5 / cost[row];
            let gradient = sign * (score + bias * BIAS) - 1.0 + alpha[row] * diagonal;
            let mut projected = gradient;
            if alpha[row] == 0.0 {
                if gradient > ceiling {
                    active.swap_remove(at);
                    continue;
                }
                projected = gradient.min(0.0);
            }
            highest = highest.max(projected);
            lowest = lowest.min(projected);
            if projected.abs() > 1e-6 {
                let before = alpha[row];
                alpha[row] = (before - gradient / (lengths[row] + diagonal)).max(0.0);
                let step = (alpha[row] - before) * sign;
                for (feature, value) in rows[row].ngrams {
                    weights[*feature as usize] += step * value;
                }
                add_scaled(&mut vector, rows[row].vector, step);
                bias += step * BIAS;
            }
            at += 1;
        }
        if highest - lowest <= TOLERANCE {
            if active.len() == rows.len() {
                break;
            }
            // Check the rows that shrinking has removed.
            active = (0..rows.len() as u32).collect();
            ceiling = f32::INFINITY;
            continue;
        }
        ceiling = if highest > 0.0 {
            highest
        } else {
            f32::INFINITY
        };
    }
    let largest = weights.iter().fold(0f32, |largest, w| largest.max(w.abs()));
    let kept = weights
        .iter()
        .enumerate()
        .filter(|(_, w)| w.abs() > largest * MIN_WEIGHT);
    BinaryWeights {
        ngrams: kept.map(|(feature, w)| (feature as u32, *w)).collect(),
        vector,
        bias: bias * BIAS,
    }
}

/// Fisher-Yates shuffle by xorshift, the same in every run.
fn shuffle(rows: &mut [u32], random: &mut u64) {
    for last in (1..rows.len()).rev() {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        rows.swap(last, (*random % (last as u64 + 1)) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::super::ngrams::SparseVector;
    use super::*;

    fn features(rows: &[SparseVector]) -> Vec<FeatureRow<'_>> {
        let features = |ngrams| FeatureRow {
            ngrams,
            vector: &[],
        };
        rows.iter().map(features).collect()
    }

    fn score(weights: &BinaryWeights, row: &SparseVector) -> f32 {
        let of = |feature: u32| {
            let found = weights.ngrams.iter().find(|(f, _)| *f == feature);
            found.map_or(0.0, |(_, w)| *w)
        };
        weights.bias + row.iter().map(|(f, v)| of(*f) * v).sum::<f32>()
    }

    #[test]
    fn separable_classes_are_separated() {
        let rows: Vec<SparseVector> = (0..40)
            .map(|row| vec![(row % 2, 1.0), (2 + row % 5, 0.5)])
            .collect();
        let positive: Vec<bool> = (0..40).map(|row| row % 2 == 0).collect();
        let weights = train_binary(&features(&rows), &positive, &[1.0; 40], 7, &|| false);
        for (row, positive) in rows.iter().zip(positive) {
            assert_eq!(score(&weights, row) > 0.0, positive);
        }
    }

    #[test]
    fn the_optimum_equals_the_analytic_one() {
        // Two rows with one feature each and the bias: in the dual, 2.5 a - a = 1
        // for both, so that the weights are a = 2/3 and -2/3, and the bias is 0.
        let rows = [vec![(0, 1.0)], vec![(1, 1.0)]];
        let weights = train_binary(&features(&rows), &[true, false], &[1.0; 2], 2, &|| false);
        assert!(
            (weights.ngrams[0].1 - 2.0 / 3.0).abs() < 0.02,
            "{weights:?}"
        );
        assert!(
            (weights.ngrams[1].1 + 2.0 / 3.0).abs() < 0.02,
            "{weights:?}"
        );
        assert!(weights.bias.abs() < 0.02);
    }

    #[test]
    fn vectors_weigh_as_much_as_ngrams() {
        let words: Vec<SparseVector> = vec![vec![(0, 1.0)], vec![(1, 1.0)]];
        let by_ngrams = train_binary(&features(&words), &[true, false], &[1.0; 2], 2, &|| false);
        let none = SparseVector::new();
        let rows = [[1.0, 0.0], [0.0, 1.0]];
        let rows = rows.each_ref().map(|vector| FeatureRow {
            ngrams: &none,
            vector,
        });
        let by_vector = train_binary(&rows, &[true, false], &[1.0; 2], 0, &|| false);
        let of_ngrams: Vec<f32> = by_ngrams.ngrams.iter().map(|(_, w)| *w).collect();
        assert_eq!(of_ngrams, by_vector.vector);
    }
}
