//! `categorize_scores(title, text [, labels])`.

use std::sync::LazyLock;

use arrow::array::ArrayRef;
use arrow::datatypes::Field;
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_inference::ModelFacts;
use semql_inference::encoding::ModelInput;

use super::ai_classify_scores::{scores_array, scores_type};
use super::categorize::{ARGUMENTS, Categorize};
use super::labels::classifier;
use super::model_function::{
    BatchArguments, LabelClassifier, LoadedModel, ModelFunction, ModelFunctionSpec, VectorLookup,
};
use super::parameters::Parameters;
use crate::runtime::Runtime;
use crate::settings::Settings;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "Every label with its score in `categorize`, best first: List<Struct<label, score>>. The difference of the first \
         two scores measures the certainty of the category. NULL if both texts are NULL or blank.",
        "categorize_scores(title, text [, labels])",
    )
    .with_argument("title", "Text of any string type.")
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "Labels in place of the taxonomy, as in `ai_classify`.")
    .with_sql_example("```sql\nSELECT title, scores[1]['label'] AS category, scores[1]['score'] - scores[2]['score'] AS margin\nFROM (SELECT title, categorize_scores(title, text) AS scores FROM products) ORDER BY margin LIMIT 10;\n```")
    .build()
});

static SPEC: ModelFunctionSpec = ModelFunctionSpec {
    parameters: Parameters {
        function: "categorize_scores",
        list: ARGUMENTS,
        required: 2,
    },
    aliases: &[],
    documentation: &DOC,
};

pub struct CategorizeScores;

impl ModelFunction for CategorizeScores {
    fn spec(&self) -> &'static ModelFunctionSpec {
        &SPEC
    }

    fn output_field(&self, _: &ModelFacts) -> Field {
        Field::new("", scores_type(), true)
    }

    fn validate(&self, runtime: &Runtime, settings: &Settings, labels_given: bool) -> Result<()> {
        Categorize.validate(runtime, settings, labels_given)
    }

    fn inputs_per_row(&self) -> usize {
        Categorize.inputs_per_row()
    }

    fn push_inputs<'a>(&self, call: &'a BatchArguments, row: usize, out: &mut Vec<ModelInput<'a>>) {
        Categorize.push_inputs(call, row, out);
    }

    fn compute(
        &self,
        call: &BatchArguments,
        model: &LoadedModel<'_>,
        vectors: &VectorLookup<'_>,
    ) -> Result<ArrayRef> {
        let classifier = classifier(call, model)?;
        let scores = (0..call.rows).map(|row| {
            let vector = Categorize.row_vector(call, row, vectors)?;
            Some(classifier.scores(&vector, Categorize.head(call, row)))
        });
        Ok(scores_array(&classifier.labels, scores))
    }
}
