//! `ai_classify(text [, labels, model])`.

use std::sync::LazyLock;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_inference::ModelFacts;
use semql_inference::encoding::ModelInput;

use super::ai_classify_scores::ARGUMENTS;
use super::labels::predict_labels;
use super::model_function::{
    BatchArguments, LabelClassifier, LoadedModel, ModelFunction, ModelFunctionSpec, VectorLookup,
};
use super::parameters::Parameters;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection {
            include: true,
            label: "AI Functions",
            description: None,
        },
        "The label that is nearest to a text in meaning. NULL for NULL and blank text, and if no score reaches \
             `ai.min_score`.",
        "ai_classify(text [, labels, model])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument(
        "labels",
        "Two or more distinct labels, the same for all rows: an array of texts; an array of structs with `label` (or \
         `name`) and any of `description`, `phrases` and `examples`; or a map, or a struct, of labels to descriptions. If \
         not given, the taxonomy in `ai.taxonomy`. A description of a dozen words is worth about ten points of accuracy.",
    )
    .with_argument("model", "Literal; model in place of `ai.model`.")
    .with_sql_example(
        "```sql\nSELECT ai_classify('fits well, would buy again', ['praise', 'complaint']);\n\
         SELECT ai_classify('the parcel never came', MAP {\n    \
         'praise': 'happy customers, good quality, quick delivery',\n    \
         'complaint': 'broken goods, late or missing parcels, rude service'\n});\n```",
    )
    .build()
});

static SPEC: ModelFunctionSpec = ModelFunctionSpec {
    parameters: Parameters {
        function: "ai_classify",
        list: ARGUMENTS,
        required: 1,
    },
    aliases: &[],
    documentation: &DOC,
};

pub struct AiClassify;

impl ModelFunction for AiClassify {
    fn spec(&self) -> &'static ModelFunctionSpec {
        &SPEC
    }

    fn output_field(&self, _: &ModelFacts) -> Field {
        Field::new("", DataType::Utf8, true)
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
        predict_labels(self, call, model, vectors, None)
    }

    fn as_label_classifier(&self) -> Option<&dyn LabelClassifier> {
        Some(self)
    }
}

impl LabelClassifier for AiClassify {
    fn row_vector(
        &self,
        _: &BatchArguments,
        row: usize,
        vectors: &VectorLookup<'_>,
    ) -> Option<Vec<f32>> {
        vectors(row, 0).map(<[f32]>::to_vec)
    }

    fn head<'a>(&self, _: &'a BatchArguments, _: usize) -> Option<&'a str> {
        None
    }
}
