//! Which labels a call chooses from, and which it chooses.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use datafusion::error::Result;

use super::model_function::{Answered, Call, ChoosesLabel, Model};
use super::planning::taxonomy_of;
use crate::inference::{Classifier, best};

/// The labels in the call, or else the session's taxonomy, as the model sees
/// them.
///
/// # Errors
/// Labels that cannot be chosen from, an unknown taxonomy, a failing model.
pub fn classifier(call: &Call, model: &Model<'_>) -> Result<Arc<Classifier>> {
    let runtime = &model.run.runtime;
    let taxonomy = match &call.labels {
        Some(labels) => Arc::new(taxonomy_of(labels)?),
        None => runtime.taxonomy(&model.settings.taxonomy)?,
    };
    Ok(runtime.classifier(&taxonomy, model.encoder, model.run)?)
}

/// The label of each row: the one that is settled already, or the one that the
/// vectors speak for; NULL where there is nothing to read, the model failed, or
/// no score reaches `ai.min_score`.
pub fn chosen(
    function: &dyn ChoosesLabel,
    call: &Call,
    model: &Model<'_>,
    vectors: &Answered<'_>,
    settled: Option<&[Option<u32>]>,
) -> Result<ArrayRef> {
    let classifier = classifier(call, model)?;
    let least = model.settings.min_score.map(|score| score.get() as f32);
    let label = |row: usize| {
        if let Some(label) = settled.and_then(|settled| settled[row]) {
            return Some(label as usize);
        }
        let vector = function.vector(call, row, vectors)?;
        let scores = classifier.scores(&vector, function.head(call, row));
        best(&scores).filter(|label| least.is_none_or(|least| scores[*label] >= least))
    };
    let labels: StringArray = (0..call.rows)
        .map(|row| Some(classifier.labels[label(row)?].as_str()))
        .collect();
    Ok(Arc::new(labels))
}
