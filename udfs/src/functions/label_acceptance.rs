//! Which labels of a text are good enough.

use datafusion::error::Result;
use semql_inference::classifier::{Classifier, LabelFit, best_label, rank_labels};

use super::model_function::LoadedModel;
use crate::error::to_datafusion;

/// The rule by which labels are accepted.
pub enum LabelAcceptance<'a> {
    /// `ai.min_score`.
    MinScore(f32),
    /// Without that setting: calibrated thresholds.
    Calibrated(&'a LabelFit),
}

impl<'a> LabelAcceptance<'a> {
    /// # Errors
    /// A failing model.
    pub fn new(classifier: &'a Classifier, model: &LoadedModel<'_>) -> Result<Self> {
        if let Some(min_score) = model.settings.min_score {
            return Ok(Self::MinScore(min_score.get() as f32));
        }
        let fit = classifier.fit(model.encoder, model.context);
        fit.map(Self::Calibrated).map_err(to_datafusion)
    }

    /// Whether the best of `scores` is accepted. `vector` is that of the text.
    pub fn accepts_best(&self, vector: &[f32], scores: &[f32]) -> bool {
        match self {
            Self::MinScore(least) => best_label(scores).is_some_and(|best| scores[best] >= *least),
            Self::Calibrated(fit) => fit.any_fits(vector, scores),
        }
    }

    /// All accepted labels, best first.
    pub fn accepted(&self, vector: &[f32], scores: &[f32]) -> Vec<usize> {
        match self {
            Self::MinScore(least) => {
                let ranked = rank_labels(scores).into_iter();
                let accepted = ranked.take_while(|(_, score)| score >= least);
                accepted.map(|(label, _)| label).collect()
            }
            Self::Calibrated(fit) => fit.fitting(vector, scores),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minimum_score_accepts_all_labels_above_it() {
        let rule = LabelAcceptance::MinScore(0.5);
        assert_eq!(rule.accepted(&[], &[0.1, 0.6, 0.5, 0.9]), [3, 1, 2]);
        assert!(rule.accepts_best(&[], &[0.1, 0.6]));
        assert!(!rule.accepts_best(&[], &[0.1, 0.4]));
        assert_eq!(rule.accepted(&[], &[0.1]), [0; 0]);
    }
}
