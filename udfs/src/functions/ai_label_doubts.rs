//! `ai_label_doubts('model')`: training rows whose labels may be mistakes.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use datafusion::error::Result;
use semql_learning::text_classifier::{LabelDoubt, TextClassifier};

use super::trained_listing::{ListedRows, TrainedListing};
use crate::options::AiOptions;

pub fn function(options: AiOptions) -> Arc<TrainedListing> {
    TrainedListing::new("ai_label_doubts", ListedRows::Classifier(batch), options)
}

/// The greatest margins first: label and prediction of each level, margin and texts.
fn batch(model: &TextClassifier) -> Result<RecordBatch> {
    let (metadata, doubts) = (&model.metadata, &model.metadata.doubts);
    let mut columns: Vec<(String, ArrayRef)> = Vec::new();
    for (at, level) in metadata.levels.iter().enumerate() {
        let labels = |of: fn(&LabelDoubt) -> &[u32]| -> ArrayRef {
            let labels = doubts
                .iter()
                .map(|doubt| Some(model.label(at, of(doubt)[at])));
            Arc::new(labels.collect::<StringArray>())
        };
        columns.push((level.column.clone(), labels(|doubt| &doubt.labels)));
        columns.push((
            format!("predicted_{}", level.column),
            labels(|doubt| &doubt.predicted),
        ));
    }
    let margins: Float32Array = doubts.iter().map(|doubt| Some(doubt.margin)).collect();
    columns.push(("margin".to_string(), Arc::new(margins)));
    for (at, column) in metadata.columns.iter().enumerate() {
        let texts: StringArray = doubts
            .iter()
            .map(|doubt| doubt.texts[at].as_deref())
            .collect();
        columns.push((column.clone(), Arc::new(texts)));
    }
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable)?)
}
