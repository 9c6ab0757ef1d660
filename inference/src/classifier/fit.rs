//! Whether a label fits a text at all.
//!
//! A score alone does not say so: models differ in the cosines of unrelated texts, and
//! labels in how general they are. So a score is compared with those of generic texts
//! for the same label, less a part of the similarity of the text to generic texts.
//! The answer depends on the text and the labels alone.

use super::background::Background;
use super::ranking::{best_label, rank_labels};
use crate::encoding::{EncodeContext, Encoder};
use crate::error::Result;

/// Weight of the similarity to generic texts.
const BACKGROUND_WEIGHT: f32 = 0.5;

/// Share of the generic texts that a label must not fit.
const REJECTED_SHARE: f32 = 2.0 / 3.0;

/// Maximum distance of a fitting label from the best one, as a share of the distance of
/// the best one from the mean score of generic texts.
const MAX_GAP: f32 = 0.1;

/// Calibrated thresholds of labels.
pub struct LabelFit {
    background: Background,
    /// By label: the least excess of a fitting text.
    thresholds: Vec<f32>,
    /// The least excess of the best label.
    best_threshold: f32,
    /// Mean score of generic texts over all labels.
    mean_score: f32,
}

impl LabelFit {
    /// Calibrates the thresholds of `labels` labels, whose scores for a vector are
    /// `scores_of`.
    ///
    /// # Errors
    /// Those of [`Encoder::encode`].
    pub fn new(
        labels: usize,
        scores_of: impl Fn(&[f32]) -> Vec<f32>,
        encoder: &Encoder,
        context: &EncodeContext,
    ) -> Result<Self> {
        let background = Background::new(encoder, context)?;
        let mut excesses = vec![Vec::new(); labels];
        let (mut best, mut sum) = (Vec::new(), 0.0);
        for (text, vector) in background.vectors().enumerate() {
            let scores = scores_of(vector);
            let generic = BACKGROUND_WEIGHT * background.similarity(vector, Some(text));
            for (of_label, score) in excesses.iter_mut().zip(&scores) {
                of_label.push(score - generic);
            }
            sum += scores.iter().sum::<f32>();
            best.extend(best_label(&scores).map(|label| scores[label] - generic));
        }
        Ok(Self {
            mean_score: sum / (best.len() * labels).max(1) as f32,
            best_threshold: quantile(best),
            thresholds: excesses.into_iter().map(quantile).collect(),
            background,
        })
    }

    /// Whether the best of `scores` of `vector` (unit length) fits.
    pub fn any_fits(&self, vector: &[f32], scores: &[f32]) -> bool {
        let generic = BACKGROUND_WEIGHT * self.background.similarity(vector, None);
        best_label(scores).is_some_and(|best| scores[best] - generic >= self.best_threshold)
    }

    /// The labels that fit, best first: none unless the best one fits; then those whose
    /// score is near that of the best.
    pub fn fitting(&self, vector: &[f32], scores: &[f32]) -> Vec<usize> {
        let Some(best) = best_label(scores).filter(|_| self.any_fits(vector, scores)) else {
            return Vec::new();
        };
        let generic = BACKGROUND_WEIGHT * self.background.similarity(vector, None);
        let least = scores[best] - MAX_GAP * (scores[best] - self.mean_score).max(0.0);
        let ranked = rank_labels(scores).into_iter();
        let fits = |(label, score): (usize, f32)| {
            let near = score >= least && score - generic >= self.thresholds[label];
            (label == best || near).then_some(label)
        };
        ranked.filter_map(fits).collect()
    }
}

/// The value that [`REJECTED_SHARE`] of `values` are below.
fn quantile(mut values: Vec<f32>) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    let at = (REJECTED_SHARE * values.len() as f32) as usize;
    values.get(at).copied().unwrap_or(f32::NEG_INFINITY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_the_values_reach_the_quantile() {
        let values: Vec<f32> = (0..100).rev().map(|value| value as f32).collect();
        assert_eq!(quantile(values), 66.0);
        assert_eq!(quantile(Vec::new()), f32::NEG_INFINITY);
    }
}
