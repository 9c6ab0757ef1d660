//! Which labels a call chooses from.

use std::sync::Arc;

use datafusion::error::Result;

use super::model_function::{Call, Model};
use super::planning::taxonomy_of;
use crate::inference::Classifier;

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
