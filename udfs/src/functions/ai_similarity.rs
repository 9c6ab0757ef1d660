//! `ai_similarity(a, b [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_inference::ModelFacts;
use semql_inference::encoding::ModelInput;
use semql_inference::vector::dot;

use super::model_function::{
    BatchArguments, LoadedModel, ModelFunction, ModelFunctionSpec, VectorLookup,
};
use super::parameters::{ArgumentType, Parameters};

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "Similarity of two texts in meaning: the cosine of their vectors, from -1 to 1. NULL if either text \
         is NULL or blank.",
        "ai_similarity(a, b [, model])",
    )
    .with_argument("a", "Text of any string type.")
    .with_argument("b", "Text of any string type.")
    .with_argument("model", "Literal; model in place of `ai.model`.")
    .with_sql_example("```sql\nSELECT title, ai_similarity(title, 'running shoes') AS similarity\nFROM products ORDER BY similarity DESC NULLS LAST LIMIT 5;\n```")
    .build()
});

static SPEC: ModelFunctionSpec = ModelFunctionSpec {
    parameters: Parameters {
        function: "ai_similarity",
        list: &[
            ("a", ArgumentType::Text),
            ("b", ArgumentType::Text),
            ("model", ArgumentType::Model),
        ],
        required: 2,
    },
    aliases: &[],
    documentation: &DOC,
};

pub struct AiSimilarity;

impl ModelFunction for AiSimilarity {
    fn spec(&self) -> &'static ModelFunctionSpec {
        &SPEC
    }

    fn output_field(&self, _: &ModelFacts) -> Field {
        Field::new("", DataType::Float64, true)
    }

    fn inputs_per_row(&self) -> usize {
        2
    }

    /// The model reads no row with only one text.
    fn push_inputs<'a>(&self, call: &'a BatchArguments, row: usize, out: &mut Vec<ModelInput<'a>>) {
        let pair = call.text(0, row).zip(call.text(1, row));
        out.push(pair.map(|(a, _)| a.into()));
        out.push(pair.map(|(_, b)| b.into()));
    }

    fn compute(
        &self,
        call: &BatchArguments,
        _: &LoadedModel<'_>,
        vectors: &VectorLookup<'_>,
    ) -> Result<ArrayRef> {
        let cosines: Float64Array = (0..call.rows)
            .map(|row| {
                let (a, b) = vectors(row, 0).zip(vectors(row, 1))?;
                Some(f64::from(dot(a, b).clamp(-1.0, 1.0)))
            })
            .collect();
        Ok(Arc::new(cosines))
    }
}
