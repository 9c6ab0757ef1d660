//! `ai_extract(text, ... [, attributes] [, model])` and `ai_extract_details(...)`.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::parameters::{ArgumentType, Parameters};
use super::tasks::{
    ResolvedCall, RowTask, TaskArguments, TaskFunction, TaskOutput, extraction_task,
    text_argument_count,
};

/// One of the two functions.
pub struct ExtractionFunction {
    parameters: &'static Parameters,
    output: fn(Vec<String>) -> TaskOutput,
    documentation: &'static LazyLock<Documentation>,
}

/// A call by name has one text; more texts have no names.
const fn parameters(function: &'static str) -> Parameters {
    Parameters {
        function,
        list: &[
            ("text", ArgumentType::Text),
            ("attributes", ArgumentType::Labels),
            ("model", ArgumentType::Model),
        ],
        required: 1,
    }
}

/// `ai_extract`.
pub static AI_EXTRACT: ExtractionFunction = ExtractionFunction {
    parameters: &const { parameters("ai_extract") },
    output: TaskOutput::Values,
    documentation: &EXTRACT_DOCUMENTATION,
};

/// `ai_extract_details`.
pub static AI_EXTRACT_DETAILS: ExtractionFunction = ExtractionFunction {
    parameters: &const { parameters("ai_extract_details") },
    output: TaskOutput::Details,
    documentation: &DETAILS_DOCUMENTATION,
};

static EXTRACT_DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation(
        "ai_extract",
        "The values of attributes in the texts of a row: a struct with a text for each attribute, NULL where the texts \
         do not say. Every value is a literal part of a text.",
        "SELECT ai_extract(title, text, ['brand', 'color']).brand AS brand, count(*) FROM products GROUP BY 1;",
    )
});

static DETAILS_DOCUMENTATION: LazyLock<Documentation> = LazyLock::new(|| {
    documentation(
        "ai_extract_details",
        "Every value of each attribute with its place: a struct with a list of struct<value, normalized, score, column, \
         start, end> for each attribute. start and end are character offsets into the argument that column names: \
         substr(argument, start + 1, end - start) is the value. With a language model, the field error has the reason \
         of a failed row.",
        "SELECT ai_extract_details(title, ['color']).color FROM products;",
    )
});

fn documentation(name: &str, description: &str, example: &str) -> Documentation {
    let section = DocSection {
        include: true,
        label: "AI Functions",
        description: None,
    };
    let syntax = format!("{name}(text, ... [, attributes] [, model])");
    Documentation::builder(section, description, syntax)
        .with_argument("text", "One or more texts, the title first.")
        .with_argument(
            "attributes",
            "List of literals such as ['brand', 'color']. Without it, all attributes of the model or of the set ai.attributes.",
        )
        .with_argument(
            "model",
            "Literal: a model of CREATE MODEL ... EXTRACT, a language model of CREATE EXTERNAL MODEL, or an attribute set. \
             Default: ai.extractor, else the rules of the attribute set ai.attributes.",
        )
        .with_sql_example(format!("```sql\n{example}\n```"))
        .build()
}

impl TaskFunction for ExtractionFunction {
    fn parameters(&self) -> &'static Parameters {
        self.parameters
    }

    fn documentation(&self) -> &Documentation {
        self.documentation
    }

    fn coerce(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let syntax = format!(
            "{}(text, ... [, attributes] [, model])",
            self.parameters.function
        );
        let (mut coerced, mut list_at) = (Vec::with_capacity(given.len()), None);
        for (at, given) in given.iter().enumerate() {
            let is_list = matches!(
                given,
                DataType::List(_)
                    | DataType::LargeList(_)
                    | DataType::FixedSizeList(..)
                    | DataType::ListView(_)
                    | DataType::LargeListView(_)
            );
            coerced.push(match (given, list_at) {
                (_, None) if is_list && at > 0 => {
                    list_at = Some(at);
                    DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true)))
                }
                (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, _) => given.clone(),
                (DataType::Null | DataType::Dictionary(..), _) => DataType::Utf8,
                (given, _) => {
                    return plan_err!(
                        "argument {} of {} has the type {given}: write {syntax}",
                        at + 1,
                        self.parameters.function
                    );
                }
            });
        }
        if coerced.is_empty() || list_at.is_some_and(|at| given.len() > at + 2) {
            return plan_err!("wrong number of arguments: write {syntax}");
        }
        Ok(coerced)
    }

    fn resolve(&self, call: &TaskArguments<'_>) -> Result<ResolvedCall> {
        let (source, attributes) = extraction_task(call)?;
        Ok(ResolvedCall {
            task: RowTask {
                source,
                output: (self.output)(attributes),
            },
            texts: text_argument_count(call.types),
        })
    }
}
