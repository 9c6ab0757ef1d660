//! Scorer of pairs: the log-odds that two records are one product.

use super::pair_features::{FEATURES, PairFeatures, WIDTH};
use crate::extraction::model::boosting::Forest;

/// Log-odds of a pair without any evidence.
const DEFAULT_INTERCEPT: f32 = -6.5;

/// Linear weights of the features, and trees of what they leave.
#[derive(Clone, Debug, PartialEq)]
pub struct PairScorer {
    pub intercept: f32,
    pub weights: PairFeatures,
    pub forest: Forest,
}

impl Default for PairScorer {
    /// The scorer without training.
    fn default() -> Self {
        let mut weights = [0.0; WIDTH];
        for (weight, feature) in weights.iter_mut().zip(FEATURES) {
            *weight = feature.weight;
        }
        Self {
            intercept: DEFAULT_INTERCEPT,
            weights,
            forest: Forest::default(),
        }
    }
}

impl PairScorer {
    pub fn log_odds(&self, features: &PairFeatures) -> f32 {
        self.linear(features) + self.forest.output(features)
    }

    /// The log-odds without the trees.
    pub fn linear(&self, features: &PairFeatures) -> f32 {
        let products = self.weights.iter().zip(features).map(|(w, x)| w * x);
        self.intercept + products.sum::<f32>()
    }
}

/// The probability of log-odds.
pub fn probability(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// The log-odds of a probability; infinite for 0 and 1.
pub fn log_odds(probability: f32) -> f32 {
    (probability / (1.0 - probability)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_titles_are_one_product() {
        let mut features = [0.0; WIDTH];
        features[..4].fill(1.0);
        let scorer = PairScorer::default();
        assert!(probability(scorer.log_odds(&features)) > 0.7);
        features[super::super::pair_features::DIFFERENT_CODES] = 1.0;
        assert!(probability(scorer.log_odds(&features)) < 0.5);
        assert!((probability(log_odds(0.3)) - 0.3).abs() < 1e-6);
        assert_eq!(log_odds(1.0), f32::INFINITY);
    }
}
