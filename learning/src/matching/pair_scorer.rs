//! Scorer of pairs: the log-odds that two records are one product.

use super::pair_features::{
    BOTH_PRICES, CODE_IN_TEXT, DIFFERENT_CODES, DIFFERENT_COLORS, DIFFERENT_NUMBERS,
    DIFFERENT_QUANTITIES, LARGER_COVERAGE, PRICE_RATIO, PairFeatures, RELATED_CODES, SAME_CODE,
    SAME_COLOR, SAME_QUANTITIES, SHARED_WORDS, SMALLER_COVERAGE, TITLE_SIMILARITY, WIDTH,
};

/// Log-odds of a pair without any evidence.
const DEFAULT_INTERCEPT: f32 = -6.5;

/// Weights of the features, in log-odds.
const DEFAULT_WEIGHTS: [(usize, f32); WIDTH] = [
    (TITLE_SIMILARITY, 3.0),
    (SHARED_WORDS, 1.0),
    (LARGER_COVERAGE, 2.5),
    (SMALLER_COVERAGE, 1.5),
    (SAME_CODE, 4.0),
    (RELATED_CODES, 2.5),
    (CODE_IN_TEXT, 1.5),
    (DIFFERENT_CODES, -2.5),
    (SAME_QUANTITIES, 0.3),
    (DIFFERENT_QUANTITIES, -2.0),
    (SAME_COLOR, 1.0),
    (DIFFERENT_COLORS, -2.0),
    (PRICE_RATIO, -2.0),
    (BOTH_PRICES, 1.2),
    (DIFFERENT_NUMBERS, -1.0),
];

/// Linear scorer of the features of a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct PairScorer {
    pub intercept: f32,
    pub weights: PairFeatures,
}

impl Default for PairScorer {
    /// The scorer that needs no labels.
    fn default() -> Self {
        let mut weights = [0.0; WIDTH];
        for (feature, weight) in DEFAULT_WEIGHTS {
            weights[feature] = weight;
        }
        Self {
            intercept: DEFAULT_INTERCEPT,
            weights,
        }
    }
}

impl PairScorer {
    pub fn log_odds(&self, features: &PairFeatures) -> f32 {
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
        features[DIFFERENT_CODES] = 1.0;
        assert!(probability(scorer.log_odds(&features)) < 0.5);
        assert!((probability(log_odds(0.3)) - 0.3).abs() < 1e-6);
        assert_eq!(log_odds(1.0), f32::INFINITY);
    }
}
