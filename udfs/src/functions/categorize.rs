//! `categorize(title, text [, labels])`.

use std::sync::LazyLock;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_inference::ModelFacts;
use semql_inference::encoding::{ModelInput, product_text};

use super::labels::predict_labels;
use super::model_function::{
    BatchArguments, LabelClassifier, LoadedModel, ModelFunction, ModelFunctionSpec, VectorLookup,
};
use super::parameters::{ArgumentType, NamedArgument, Parameters};
use crate::error::to_datafusion;
use crate::runtime::Runtime;
use crate::settings::Settings;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "The category of a product offer: a label of the taxonomy in `ai.taxonomy`, or one of `labels`. \
         One of title and text may be NULL or blank. NULL if both are, or if no score reaches \
         `ai.min_score`.",
        "categorize(title, text [, labels])",
    )
    .with_argument("title", "Text of any string type.")
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "Labels in place of the taxonomy, as in `ai_classify`.")
    .with_sql_example("```sql\nSELECT categorize(title, text) AS category, COUNT(*) AS amount_of_products\nFROM products GROUP BY category;\n```")
    .build()
});

pub(super) const ARGUMENTS: &[NamedArgument] = &[
    ("title", ArgumentType::Text),
    ("text", ArgumentType::Text),
    ("labels", ArgumentType::Labels),
];

static SPEC: ModelFunctionSpec = ModelFunctionSpec {
    parameters: Parameters {
        function: "categorize",
        list: ARGUMENTS,
        required: 2,
    },
    aliases: &[],
    documentation: &DOC,
};

pub struct Categorize;

impl ModelFunction for Categorize {
    fn spec(&self) -> &'static ModelFunctionSpec {
        &SPEC
    }

    fn output_field(&self, _: &ModelFacts) -> Field {
        Field::new("", DataType::Utf8, true)
    }

    fn validate(&self, runtime: &Runtime, settings: &Settings, labels_given: bool) -> Result<()> {
        if !labels_given {
            runtime
                .taxonomy(&settings.taxonomy)
                .map_err(to_datafusion)?;
        }
        Ok(())
    }

    fn inputs_per_row(&self) -> usize {
        product_text::INPUTS
    }

    fn push_inputs<'a>(&self, call: &'a BatchArguments, row: usize, out: &mut Vec<ModelInput<'a>>) {
        out.extend(product_text::inputs(call.text(0, row), call.text(1, row)));
    }

    fn compute(
        &self,
        call: &BatchArguments,
        model: &LoadedModel<'_>,
        vectors: &VectorLookup<'_>,
    ) -> Result<ArrayRef> {
        predict_labels(self, call, model, vectors, None)
    }

    fn as_label_classifier(&self) -> Option<&dyn LabelClassifier> {
        Some(self)
    }
}

impl LabelClassifier for Categorize {
    fn row_vector(
        &self,
        call: &BatchArguments,
        row: usize,
        vectors: &VectorLookup<'_>,
    ) -> Option<Vec<f32>> {
        let read = [vectors(row, 0), vectors(row, 1)];
        product_text::vector(call.text(0, row), call.text(1, row), read)
    }

    fn head<'a>(&self, call: &'a BatchArguments, row: usize) -> Option<&'a str> {
        product_text::head(call.text(0, row), call.text(1, row))
    }
}
