//! A linear support vector machine for each label, against all others.
//!
//! Dual coordinate descent with the squared hinge loss and shrinking, after
//! Hsieh and others, "A Dual Coordinate Descent Method for Large-scale Linear
//! SVM" (ICML 2008).

use super::head::Seen;
use crate::vector::{add_scaled, dot};

/// Passes over the rows at most; few need more than a dozen.
const MOST_PASSES: usize = 60;

/// How far from the optimum the gradient may be.
const TOLERANCE: f32 = 0.05;

/// Weights that are smaller, by the largest of their label, are dropped.
const NEGLIGIBLE: f32 = 1e-2;

/// Adds a feature to every row that is always one.
const BIAS: f32 = 1.0;

/// One label's weights: word features and values in the features' order, those of
/// the meaning, and bias.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    pub features: Vec<(u32, f32)>,
    pub meaning: Vec<f32>,
    pub bias: f32,
}

/// Separates the rows that are `positive` from the others. `cost` is what a
/// row on the wrong side costs, per row.
pub fn separate(
    rows: &[Seen<'_>],
    positive: &[bool],
    cost: &[f32],
    features: usize,
    stopped: &dyn Fn() -> bool,
) -> Weights {
    let mut weights = vec![0f32; features];
    let mut meaning = vec![0f32; rows.first().map_or(0, |row| row.meaning.len())];
    let mut bias = 0f32;
    let mut alpha = vec![0f32; rows.len()];
    let lengths: Vec<f32> = rows
        .iter()
        .map(|row| {
            let words: f32 = row.words.iter().map(|(_, v)| v * v).sum();
            words + dot(row.meaning, row.meaning) + BIAS * BIAS
        })
        .collect();
    let mut active: Vec<u32> = (0..rows.len() as u32).collect();
    let (mut ceiling, mut random) = (f32::INFINITY, 0x2545_F491_4F6C_DD1D_u64);
    for _ in 0..MOST_PASSES {
        if stopped() {
            break;
        }
        let (mut highest, mut lowest) = (f32::NEG_INFINITY, f32::INFINITY);
        shuffle(&mut active, &mut random);
        let mut at = 0;
        while at < active.len() {
            let row = active[at] as usize;
            let sign = if positive[row] { 1.0 } else { -1.0 };
            let words = rows[row].words.iter();
            let words: f32 = words.map(|(f, v)| weights[*f as usize] * v).sum();
            let score = words + dot(rows[row].meaning, &meaning);
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
                for (feature, value) in rows[row].words {
                    weights[*feature as usize] += step * value;
                }
                add_scaled(&mut meaning, rows[row].meaning, step);
                bias += step * BIAS;
            }
            at += 1;
        }
        if highest - lowest <= TOLERANCE {
            if active.len() == rows.len() {
                break;
            }
            // What was set aside is looked at once more.
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
    let most = weights.iter().fold(0f32, |most, w| most.max(w.abs()));
    let telling = weights
        .iter()
        .enumerate()
        .filter(|(_, w)| w.abs() > most * NEGLIGIBLE);
    Weights {
        features: telling.map(|(feature, w)| (feature as u32, *w)).collect(),
        meaning,
        bias: bias * BIAS,
    }
}

/// The same order in every run: Fisher and Yates by xorshift.
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
    use super::super::ngrams::Sparse;
    use super::*;

    fn seen(rows: &[Sparse]) -> Vec<Seen<'_>> {
        let seen = |words| Seen {
            words,
            meaning: &[],
        };
        rows.iter().map(seen).collect()
    }

    fn score(weights: &Weights, row: &Sparse) -> f32 {
        let of = |feature: u32| {
            let found = weights.features.iter().find(|(f, _)| *f == feature);
            found.map_or(0.0, |(_, w)| *w)
        };
        weights.bias + row.iter().map(|(f, v)| of(*f) * v).sum::<f32>()
    }

    #[test]
    fn what_can_be_separated_is() {
        let rows: Vec<Sparse> = (0..40)
            .map(|row| vec![(row % 2, 1.0), (2 + row % 5, 0.5)])
            .collect();
        let positive: Vec<bool> = (0..40).map(|row| row % 2 == 0).collect();
        let weights = separate(&seen(&rows), &positive, &[1.0; 40], 7, &|| false);
        for (row, positive) in rows.iter().zip(positive) {
            assert_eq!(score(&weights, row) > 0.0, positive);
        }
    }

    #[test]
    fn the_optimum_is_that_of_the_textbook() {
        // Two rows with a feature of their own and the bias: in the dual, 2.5 a - a = 1
        // for both, so that the weights are a = 2/3 and -2/3, and the bias is 0.
        let rows = [vec![(0, 1.0)], vec![(1, 1.0)]];
        let weights = separate(&seen(&rows), &[true, false], &[1.0; 2], 2, &|| false);
        assert!(
            (weights.features[0].1 - 2.0 / 3.0).abs() < 0.02,
            "{weights:?}"
        );
        assert!(
            (weights.features[1].1 + 2.0 / 3.0).abs() < 0.02,
            "{weights:?}"
        );
        assert!(weights.bias.abs() < 0.02);
    }

    #[test]
    fn a_meaning_counts_as_words_do() {
        let words: Vec<Sparse> = vec![vec![(0, 1.0)], vec![(1, 1.0)]];
        let by_words = separate(&seen(&words), &[true, false], &[1.0; 2], 2, &|| false);
        let none = Sparse::new();
        let rows = [[1.0, 0.0], [0.0, 1.0]];
        let rows = rows.each_ref().map(|meaning| Seen {
            words: &none,
            meaning,
        });
        let by_meaning = separate(&rows, &[true, false], &[1.0; 2], 0, &|| false);
        let of_words: Vec<f32> = by_words.features.iter().map(|(_, w)| *w).collect();
        assert_eq!(of_words, by_meaning.meaning);
    }
}
