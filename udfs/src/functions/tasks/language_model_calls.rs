//! Calls that a language model answers.

use std::sync::Arc;

use datafusion::common::plan_err;
use datafusion::error::Result;
use semql_language_models::{LanguageModel, LanguageModelTask};

use super::task::{RowTask, TaskOutput, TaskSource};
use crate::options::AiOptions;

/// The language model called `name`.
///
/// # Errors
/// An unknown name.
pub fn find_language_model(options: &AiOptions, name: &str) -> Result<Arc<LanguageModel>> {
    let models = options.runtime.language_models();
    if let Some(model) = models.get(name) {
        return Ok(model);
    }
    let names: Vec<String> = models
        .list()
        .iter()
        .map(|one| one.options().name.clone())
        .collect();
    match names.as_slice() {
        [] => plan_err!(
            "there is no language model '{name}'; create it with CREATE EXTERNAL MODEL {name} TYPE openai \
             LOCATION 'http://127.0.0.1:11434/v1' OPTIONS (model '...')"
        ),
        names => plan_err!(
            "there is no language model '{name}'; there are {}",
            names.join(", ")
        ),
    }
}

/// A task for a language model.
pub fn language_model_task(
    model: Arc<LanguageModel>,
    task: LanguageModelTask,
    output: TaskOutput,
) -> RowTask {
    RowTask {
        source: TaskSource::LanguageModel {
            model,
            task,
            normalizers: Arc::default(),
        },
        output,
    }
}
