//! Labels of rows by a zero-shot classifier.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use datafusion::error::Result;
use semql_inference::classifier::{Classifier, best_label};

use super::labels_argument::labels_taxonomy;
use super::model_function::{BatchArguments, LabelClassifier, LoadedModel, VectorLookup};
use crate::error::to_datafusion;

/// Classifier for the labels of the call, or else for the taxonomy of the session.
///
/// # Errors
/// Invalid labels, an unknown taxonomy, a failing model.
pub fn classifier(call: &BatchArguments, model: &LoadedModel<'_>) -> Result<Arc<Classifier>> {
    let runtime = model.runtime;
    let taxonomy = match &call.labels {
        Some(labels) => Arc::new(labels_taxonomy(labels)?),
        None => {
            let taxonomy = runtime.taxonomy(&model.settings.taxonomy);
            taxonomy.map_err(to_datafusion)?
        }
    };
    let classifier = runtime.classifier(&taxonomy, model.encoder, model.context);
    classifier.map_err(to_datafusion)
}

/// The label of each row: the one in `known`, else the nearest. NULL without a text,
/// where the model failed, and where no score reaches `ai.min_score`.
///
/// # Errors
/// Those of [`classifier`].
pub fn predict_labels(
    function: &dyn LabelClassifier,
    call: &BatchArguments,
    model: &LoadedModel<'_>,
    vectors: &VectorLookup<'_>,
    known: Option<&[Option<u32>]>,
) -> Result<ArrayRef> {
    let classifier = classifier(call, model)?;
    let min_score = model.settings.min_score.map(|score| score.get() as f32);
    let label = |row: usize| {
        if let Some(label) = known.and_then(|known| known[row]) {
            return Some(label as usize);
        }
        let vector = function.row_vector(call, row, vectors)?;
        let scores = classifier.scores(&vector, function.head(call, row));
        best_label(&scores).filter(|label| min_score.is_none_or(|min| scores[*label] >= min))
    };
    let labels: StringArray = (0..call.rows)
        .map(|row| Some(classifier.labels[label(row)?].as_str()))
        .collect();
    Ok(Arc::new(labels))
}
