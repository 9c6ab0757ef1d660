//! `ai_filter(text, condition, model)`: whether a language model finds that a condition holds.

use std::sync::LazyLock;

use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_language_models::LanguageModelTask;

use super::parameters::{ArgumentType, Parameters};
use super::planning::literal_text;
use super::tasks::{
    ResolvedCall, TaskArguments, TaskFunction, TaskOutput, find_language_model, language_model_task,
};

pub struct AiFilter;

pub(super) const PARAMETERS: Parameters = Parameters {
    function: "ai_filter",
    list: &[
        ("text", ArgumentType::Text),
        ("condition", ArgumentType::Model),
        ("model", ArgumentType::Model),
    ],
    required: 3,
};

static DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    let section = DocSection {
        include: true,
        label: "AI Functions",
        description: None,
    };
    let description = "Whether a condition holds for a text, by a language model. NULL for a NULL text and for a failed \
                       row.";
    Documentation::builder(section, description, PARAMETERS.syntax())
        .with_argument("text", "The text.")
        .with_argument("condition", "Literal; a statement that is true or false, such as 'the product is for children'.")
        .with_argument("model", "Literal; name of a model of CREATE EXTERNAL MODEL ... TYPE openai.")
        .with_sql_example("```sql\nSELECT title FROM products WHERE ai_filter(title, 'the product is for children', model => 'llm');\n```")
        .build()
});

impl TaskFunction for AiFilter {
    fn parameters(&self) -> &'static Parameters {
        &PARAMETERS
    }

    fn documentation(&self) -> &Documentation {
        &DOCUMENTATION
    }

    fn resolve(&self, call: &TaskArguments<'_>) -> Result<ResolvedCall> {
        let literal = |at: usize| literal_text(call.literals.get(at).copied().flatten());
        let (Some(condition), Some(model)) = (literal(1), literal(2)) else {
            return plan_err!(
                "the condition and the model of ai_filter must be literals, the same for all rows"
            );
        };
        if condition.trim().is_empty() {
            return plan_err!("the condition of ai_filter is blank");
        }
        let task = LanguageModelTask::Filter {
            condition: condition.to_string(),
        };
        let model = find_language_model(call.options, model)?;
        Ok(ResolvedCall {
            task: language_model_task(model, task, TaskOutput::Condition),
            texts: 1,
        })
    }
}
