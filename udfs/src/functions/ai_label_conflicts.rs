//! `ai_label_conflicts('model')`: training rows that are nearly the same and
//! have different labels.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, RecordBatch, StringArray};
use datafusion::error::Result;

use super::trained_listing::TrainedListing;
use crate::options::AiOptions;
use crate::trained::Trained;

pub fn function(options: AiOptions) -> Arc<TrainedListing> {
    TrainedListing::new("ai_label_conflicts", batch, options)
}

/// The nearest pairs first: how near, for each level both labels, and for each
/// column both texts.
fn batch(model: &Trained) -> Result<RecordBatch> {
    let (about, conflicts) = (&model.about, &model.about.conflicts);
    let near: Float32Array = conflicts.iter().map(|c| Some(c.similarity)).collect();
    let mut columns: Vec<(String, ArrayRef)> = vec![("similarity".to_string(), Arc::new(near))];
    for (at, level) in about.levels.iter().enumerate() {
        for (side, prefix) in ["", "other_"].iter().enumerate() {
            let labels = conflicts.iter().map(|c| c.labels[side][at]);
            let labels = labels.map(|label| Some(model.label(at, label)));
            let labels = Arc::new(labels.collect::<StringArray>());
            columns.push((format!("{prefix}{}", level.column), labels));
        }
    }
    for (at, column) in about.columns.iter().enumerate() {
        for (side, prefix) in ["", "other_"].iter().enumerate() {
            let texts = conflicts.iter().map(|c| c.texts[side][at].as_deref());
            let texts = Arc::new(texts.collect::<StringArray>());
            columns.push((format!("{prefix}{column}"), texts));
        }
    }
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable)?)
}
