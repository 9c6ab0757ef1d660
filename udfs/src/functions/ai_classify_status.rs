//! `ai_classify_status(text [, labels, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Builder, StringBuilder, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_inference::ModelFacts;
use semql_inference::classifier::best_label;
use semql_inference::encoding::ModelInput;

use super::ai_classify_scores::ARGUMENTS;
use super::label_acceptance::LabelAcceptance;
use super::labels::classifier;
use super::model_function::{
    BatchArguments, LoadedModel, ModelFunction, ModelFunctionSpec, VectorLookup,
};
use super::parameters::Parameters;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection {
            include: true,
            label: "AI Functions",
            description: None,
        },
        "The label of a text, its score, and how the row went: Struct<label, score, status>, never NULL. `status` is \
         `ok`; `no text` for NULL and blank text; `no label fits`, by the thresholds of `ai_classify_multi`, with the \
         score of the best label; or `model error`. `label` is NULL unless the status is `ok`.",
        "ai_classify_status(text [, labels, model])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "As in `ai_classify`.")
    .with_argument("model", "Literal; model in place of `ai.model`.")
    .with_sql_example(
        "```sql\nSELECT ai_classify_status('late delivery', ['praise', 'complaint'])['status'];\n```",
    )
    .build()
});

static SPEC: ModelFunctionSpec = ModelFunctionSpec {
    parameters: Parameters {
        function: "ai_classify_status",
        list: ARGUMENTS,
        required: 1,
    },
    aliases: &[],
    documentation: &DOC,
};

/// Values of `status`.
const OK: &str = "ok";
const NO_TEXT: &str = "no text";
const NO_LABEL_FITS: &str = "no label fits";
const MODEL_ERROR: &str = "model error";

pub struct AiClassifyStatus;

impl ModelFunction for AiClassifyStatus {
    fn spec(&self) -> &'static ModelFunctionSpec {
        &SPEC
    }

    fn output_field(&self, _: &ModelFacts) -> Field {
        Field::new("", DataType::Struct(fields()), true)
    }

    fn inputs_per_row(&self) -> usize {
        1
    }

    fn push_inputs<'a>(&self, call: &'a BatchArguments, row: usize, out: &mut Vec<ModelInput<'a>>) {
        out.push(call.text(0, row).map(Into::into));
    }

    fn compute(
        &self,
        call: &BatchArguments,
        model: &LoadedModel<'_>,
        vectors: &VectorLookup<'_>,
    ) -> Result<ArrayRef> {
        let classifier = classifier(call, model)?;
        let acceptance = LabelAcceptance::new(&classifier, model)?;
        let (mut labels, mut scores) = (StringBuilder::new(), Float64Builder::new());
        let mut statuses = StringBuilder::new();
        for row in 0..call.rows {
            let scored = vectors(row, 0).and_then(|vector| {
                let all = classifier.scores(vector, None);
                let best = best_label(&all)?;
                Some((best, all[best], acceptance.accepts_best(vector, &all)))
            });
            let (label, status) = match (call.text(0, row), scored) {
                (None, _) => (None, NO_TEXT),
                (Some(_), None) => (None, MODEL_ERROR),
                (Some(_), Some((_, _, false))) => (None, NO_LABEL_FITS),
                (Some(_), Some((best, _, true))) => (Some(&classifier.labels[best]), OK),
            };
            labels.append_option(label);
            scores.append_option(scored.map(|(_, score, _)| f64::from(score)));
            statuses.append_value(status);
        }
        Ok(Arc::new(StructArray::new(
            fields(),
            vec![
                Arc::new(labels.finish()),
                Arc::new(scores.finish()),
                Arc::new(statuses.finish()),
            ],
            None,
        )))
    }
}

fn fields() -> Fields {
    Fields::from(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("score", DataType::Float64, true),
        Field::new("status", DataType::Utf8, true),
    ])
}
