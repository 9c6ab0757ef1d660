//! `ai_classify(text, labels, model)` with a language model.

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::Documentation;
use datafusion::scalar::ScalarValue;
use semql_language_models::LanguageModelTask;

use super::ai_classify::AiClassify;
use super::labels_argument::labels_taxonomy;
use super::model_function::ModelFunction;
use super::parameters::Parameters;
use super::planning::literal_text;
use super::tasks::{
    ResolvedCall, TaskArguments, TaskFunction, TaskOutput, TaskUdf, find_language_model,
    language_model_task,
};
use crate::error::to_datafusion;
use crate::options::AiOptions;

/// `ai_classify` by a language model.
pub struct LanguageModelLabels;

/// Position of the labels and of the model in a call.
const LABELS: usize = 1;
const MODEL: usize = 2;

impl TaskFunction for LanguageModelLabels {
    fn parameters(&self) -> &'static Parameters {
        &AiClassify.spec().parameters
    }

    fn documentation(&self) -> &Documentation {
        AiClassify.spec().documentation
    }

    fn resolve(&self, call: &TaskArguments<'_>) -> Result<ResolvedCall> {
        let model = literal_text(call.literals.get(MODEL).copied().flatten());
        let model = model.unwrap_or(&call.options.settings.model);
        let model = find_language_model(call.options, model)?;
        let labels = match call.literals.get(LABELS) {
            Some(Some(labels)) => labels_taxonomy(labels)?.labels,
            Some(None) => {
                return plan_err!(
                    "the labels of ai_classify must be a list of literals for a language model"
                );
            }
            None => {
                let taxonomy = call
                    .options
                    .runtime
                    .taxonomy(&call.options.settings.taxonomy);
                taxonomy.map_err(to_datafusion)?.labels.clone()
            }
        };
        let labels: Vec<String> = labels.into_iter().map(|label| label.name).collect();
        let task = LanguageModelTask::Classify {
            labels: labels.clone(),
        };
        Ok(ResolvedCall {
            task: language_model_task(model, task, TaskOutput::Label(labels)),
            texts: 1,
        })
    }
}

/// The model function as a task, if its model is a language model. `model` is the
/// argument of the call.
pub fn language_model_udf(
    function: &str,
    options: &AiOptions,
    model: Option<&ScalarValue>,
) -> Option<TaskUdf> {
    if function != AiClassify.name() {
        return None;
    }
    let model = literal_text(model).unwrap_or(&options.settings.model);
    options.runtime.language_models().get(model)?;
    Some(TaskUdf::new(&LanguageModelLabels, options.clone()))
}
