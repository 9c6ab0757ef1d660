//! Scores of the values of a row, by what held-out rows teach.

use super::boosting::{BoostingExample, Forest};
use super::candidates::{RowValue, VALUE_FEATURES, log_odds};

/// Examples below which the probabilities are the scores.
const MIN_EXAMPLES: usize = 300;

/// Scores values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueRanking {
    pub forest: Forest,
}

/// Values of a held-out row, with its labels.
pub struct LabelledValues<'a> {
    pub values: &'a [RowValue],
    /// By attribute: the labels in lower case; `None` if not labelled.
    pub labels: &'a [Option<Vec<String>>],
}

impl ValueRanking {
    /// Learns from held-out rows.
    pub fn train<'a>(rows: impl Iterator<Item = LabelledValues<'a>>) -> Self {
        let mut examples = Vec::new();
        for row in rows {
            for value in row.values {
                if let Some(labels) = &row.labels[value.attribute] {
                    examples.push(BoostingExample {
                        features: &value.features,
                        offset: log_odds(value.probability),
                        label: labels.contains(&value.text),
                    });
                }
            }
        }
        match examples.len() < MIN_EXAMPLES {
            true => Self::default(),
            false => Self {
                forest: Forest::train(&examples, VALUE_FEATURES),
            },
        }
    }

    /// The probability that each value is right.
    pub fn scores(&self, values: &[RowValue]) -> Vec<f32> {
        let score = |value: &RowValue| match self.forest.trees.is_empty() {
            true => value.probability,
            false => {
                let odds = log_odds(value.probability) + self.forest.output(&value.features);
                1.0 / (1.0 + (-odds).exp())
            }
        };
        values.iter().map(score).collect()
    }
}
