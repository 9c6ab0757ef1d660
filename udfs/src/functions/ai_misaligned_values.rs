//! `ai_misaligned_values('model')`: labels that do not occur in the texts of their rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::error::Result;
use semql_learning::extraction::model::{MisalignedValue, TrainedExtractor};

use super::trained_listing::{ListedRows, TrainedListing};
use crate::options::AiOptions;

pub fn function(options: AiOptions) -> Arc<TrainedListing> {
    TrainedListing::new(
        "ai_misaligned_values",
        ListedRows::Extractor(batch),
        options,
    )
}

/// Attribute, value and texts of each label.
fn batch(extractor: &TrainedExtractor) -> Result<RecordBatch> {
    let metadata = &extractor.metadata;
    let column = |get: &dyn Fn(&MisalignedValue) -> Option<String>| -> ArrayRef {
        Arc::new(metadata.misaligned.iter().map(get).collect::<StringArray>())
    };
    let mut columns: Vec<(String, ArrayRef)> = vec![
        (
            "attribute".to_string(),
            column(&|label| Some(label.attribute.clone())),
        ),
        (
            "value".to_string(),
            column(&|label| Some(label.value.clone())),
        ),
    ];
    // Values come from these columns.
    let sources = metadata.columns.iter().filter(|text| !text.is_context);
    for (at, text) in sources.enumerate() {
        let mut name = text.name.clone();
        // Names of columns are distinct.
        while columns.iter().any(|(taken, _)| *taken == name) {
            name = format!("text_{name}");
        }
        columns.push((
            name,
            column(&|label| label.texts.get(at).cloned().flatten()),
        ));
    }
    let nullable = columns.into_iter().map(|(name, array)| (name, array, true));
    Ok(RecordBatch::try_from_iter_with_nullable(nullable)?)
}
