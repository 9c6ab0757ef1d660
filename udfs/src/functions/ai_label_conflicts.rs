//! `ai_label_conflicts('model')`: pairs of nearly equal training rows with different
//! labels.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use datafusion::error::Result;
use semql_learning::text_classifier::TextClassifier;

use super::trained_listing::{ListedRows, TrainedListing};
use crate::options::AiOptions;

pub fn function(options: AiOptions) -> Arc<TrainedListing> {
    TrainedListing::new("ai_label_conflicts", ListedRows::Classifier(batch), options)
}

/// The most similar pairs first: their similarity, both labels of each level and both
/// texts of each column.
fn batch(model: &TextClassifier) -> Result<RecordBatch> {
    let (metadata, conflicts) = (&model.metadata, &model.metadata.conflicts);
    let similarities: Float32Array = conflicts.iter().map(|c| Some(c.similarity)).collect();
    let mut columns: Vec<(String, ArrayRef)> =
        vec![("similarity".to_string(), Arc::new(similarities))];
    for (at, level) in metadata.levels.iter().enumerate() {
        for (side, prefix) in ["", "other_"].iter().enumerate() {
            let labels = conflicts.iter().map(|c| c.labels[side][at]);
            let labels = labels.map(|label| Some(model.label(at, label)));
            let labels = Arc::new(labels.collect::<StringArray>());
            columns.push((format!("{prefix}{}", level.column), labels));
        }
    }
    for (at, column) in metadata.columns.iter().enumerate() {
        for (side, prefix) in ["", "other_"].iter().enumerate() {
            let texts = conflicts.iter().map(|c| c.texts[side][at].as_deref());
            let texts = Arc::new(texts.collect::<StringArray>());
            columns.push((format!("{prefix}{column}"), texts));
        }
    }
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable)?)
}
