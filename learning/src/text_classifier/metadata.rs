//! Metadata of a classifier: everything but its weights.

use serde::{Deserialize, Serialize};

use super::options::FeatureSet;

/// Metadata of a classifier.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassifierMetadata {
    pub name: String,
    /// Version of semql that trained it.
    #[serde(rename = "semql")]
    pub semql_version: String,
    /// Text columns of its input, in order.
    pub columns: Vec<String>,
    /// Label columns that it predicts, the coarsest first.
    pub levels: Vec<LabelLevel>,
    /// Combinations of labels of the training rows, as positions in the labels of
    /// each level. Only these are predicted.
    pub paths: Vec<Vec<u32>>,
    /// Training rows.
    pub rows: u64,
    /// Rows without a label or a text.
    #[serde(rename = "left_out")]
    pub skipped_rows: u64,
    /// Hash of the training rows, which does not depend on their order.
    pub fingerprint: String,
    /// Cost of a row on the wrong side of a boundary.
    pub cost: f32,
    /// Whether rare labels weigh as much as frequent ones.
    pub balanced: bool,
    pub features: FeatureSet,
    /// Share of the identity in the metric adapter, if it has one.
    pub adapter: Option<f32>,
    /// Number of held-out rows.
    pub held_out: u64,
    /// Held-out rows with probably wrong labels, the most probable first.
    pub doubts: Vec<LabelDoubt>,
    /// Similar rows with different labels, the most similar first.
    pub conflicts: Vec<LabelConflict>,
}

/// Two similar training rows with different labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelConflict {
    /// By row and column: the start of the text.
    pub texts: [Vec<Option<String>>; 2],
    /// By row and level: the position of the label.
    pub labels: [Vec<u32>; 2],
    /// Jaccard similarity of the sets of words, 0..1.
    pub similarity: f32,
}

/// Held-out row whose label may be wrong: the prediction differs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelDoubt {
    /// By column: the start of the text.
    pub texts: Vec<Option<String>>,
    /// By level: the positions of the label and of the prediction.
    pub labels: Vec<u32>,
    pub predicted: Vec<u32>,
    /// Margin of the predicted labels, summed over the levels.
    pub margin: f32,
}

/// Label column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelLevel {
    /// Name of the column.
    pub column: String,
    pub labels: Vec<String>,
    /// Quality on the held-out rows, 0..1.
    pub accuracy: f64,
    pub macro_f1: f64,
    pub weighted_f1: f64,
    /// By label: quality on the held-out rows.
    #[serde(rename = "of_labels")]
    pub label_scores: Vec<LabelScores>,
}

/// Quality of the predictions of a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelScores {
    pub rows: u64,
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}
