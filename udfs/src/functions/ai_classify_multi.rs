//! `ai_classify_multi(text [, labels, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, ListBuilder, StringBuilder};
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_inference::ModelFacts;
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
        "Every label that fits a text, best first: a list of texts, which is empty if none fits. NULL for NULL and \
         blank text. The thresholds are calibrated for each label by its scores for 100 generic texts that semql \
         contains: the best label must score higher than for two thirds of them, and others must in addition be close \
         to it. `ai.min_score` replaces these thresholds by one score.",
        "ai_classify_multi(text [, labels, model])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "As in `ai_classify`.")
    .with_argument("model", "Literal; model in place of `ai.model`.")
    .with_sql_example(
        "```sql\nSELECT ai_classify_multi('the parcel came late and the box was torn', ['late delivery', 'damage', 'price']);\n```",
    )
    .build()
});

static SPEC: ModelFunctionSpec = ModelFunctionSpec {
    parameters: Parameters {
        function: "ai_classify_multi",
        list: ARGUMENTS,
        required: 1,
    },
    aliases: &[],
    documentation: &DOC,
};

pub struct AiClassifyMulti;

impl ModelFunction for AiClassifyMulti {
    fn spec(&self) -> &'static ModelFunctionSpec {
        &SPEC
    }

    fn output_field(&self, _: &ModelFacts) -> Field {
        Field::new("", DataType::new_list(DataType::Utf8, true), true)
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
        let mut lists = ListBuilder::new(StringBuilder::new());
        for row in 0..call.rows {
            let Some(vector) = vectors(row, 0) else {
                lists.append_null();
                continue;
            };
            for label in acceptance.accepted(vector, &classifier.scores(vector, None)) {
                lists.values().append_value(&classifier.labels[label]);
            }
            lists.append(true);
        }
        Ok(Arc::new(lists.finish()))
    }
}
