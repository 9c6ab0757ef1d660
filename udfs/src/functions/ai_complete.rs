//! `ai_complete(prompt, model [, schema])`: the answer of a language model.

use std::sync::LazyLock;

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_language_models::{JsonSchema, LanguageModelTask};

use super::parameters::{ArgumentType, Parameters};
use super::planning::literal_text;
use super::tasks::{
    ResolvedCall, TaskArguments, TaskFunction, TaskOutput, find_language_model, language_model_task,
};
use crate::error::to_datafusion;

pub struct AiComplete;

pub(super) const PARAMETERS: Parameters = Parameters {
    function: "ai_complete",
    list: &[
        ("prompt", ArgumentType::Text),
        ("model", ArgumentType::Model),
        ("schema", ArgumentType::Model),
    ],
    required: 2,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    let section = DocSection {
        include: true,
        label: "AI Functions",
        description: None,
    };
    let description = "The answer of a language model to a prompt. With a schema, the answer is JSON that fits it. \
                       NULL for a NULL prompt and for a failed row.";
    Documentation::builder(section, description, PARAMETERS.syntax())
        .with_argument("prompt", "The text that the model answers.")
        .with_argument("model", "Literal; name of a model of CREATE EXTERNAL MODEL ... TYPE openai.")
        .with_argument("schema", "Literal; JSON Schema of the answer.")
        .with_sql_example("```sql\nSELECT ai_complete('Translate to French: ' || title, model => 'llm') FROM products LIMIT 3;\n```")
        .build()
});

impl TaskFunction for AiComplete {
    fn parameters(&self) -> &'static Parameters {
        &PARAMETERS
    }

    fn documentation(&self) -> &Documentation {
        &DOCUMENTATION
    }

    fn resolve(&self, call: &TaskArguments<'_>) -> Result<ResolvedCall> {
        let literal = |at: usize| literal_text(call.literals.get(at).copied().flatten());
        let Some(model) = literal(1) else {
            return plan_err!("the model of ai_complete must be a literal, the same for all rows");
        };
        let schema = match (call.types.len() > 2, literal(2)) {
            (false, _) => None,
            (true, Some(schema)) => Some(JsonSchema::parse(schema).map_err(to_datafusion)?),
            (true, None) => return plan_err!("the schema of ai_complete must be a literal"),
        };
        let model = find_language_model(call.options, model)?;
        let task = LanguageModelTask::Complete { schema };
        Ok(ResolvedCall {
            task: language_model_task(model, task, TaskOutput::Text),
            texts: 1,
        })
    }
}
