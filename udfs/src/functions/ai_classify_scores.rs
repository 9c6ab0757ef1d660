//! `ai_classify_scores(text [, labels, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_inference::ModelFacts;
use semql_inference::classifier::rank_labels;
use semql_inference::encoding::ModelInput;

use super::labels::classifier;
use super::model_function::{
    BatchArguments, LoadedModel, ModelFunction, ModelFunctionSpec, VectorLookup,
};
use super::parameters::{ArgumentType, NamedArgument, Parameters};

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection {
            include: true,
            label: "AI Functions",
            description: None,
        },
        "Every label with its similarity to a text (a cosine, -1 to 1), best first: \
         List<Struct<label, score>>. NULL for NULL and blank text.",
        "ai_classify_scores(text [, labels, model])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "As in `ai_classify`.")
    .with_argument("model", "Literal; model in place of `ai.model`.")
    .with_sql_example(
        "```sql\nSELECT ai_classify_scores('late delivery', ['praise', 'complaint'])[1];\n```",
    )
    .build()
});

pub(super) const ARGUMENTS: &[NamedArgument] = &[
    ("text", ArgumentType::Text),
    ("labels", ArgumentType::Labels),
    ("model", ArgumentType::Model),
];

static SPEC: ModelFunctionSpec = ModelFunctionSpec {
    parameters: Parameters {
        function: "ai_classify_scores",
        list: ARGUMENTS,
        required: 1,
    },
    aliases: &[],
    documentation: &DOC,
};

pub struct AiClassifyScores;

impl ModelFunction for AiClassifyScores {
    fn spec(&self) -> &'static ModelFunctionSpec {
        &SPEC
    }

    fn output_field(&self, _: &ModelFacts) -> Field {
        Field::new("", scores_type(), true)
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
        let scores = (0..call.rows).map(|row| vectors(row, 0).map(|v| classifier.scores(v, None)));
        Ok(scores_array(&classifier.labels, scores))
    }
}

fn label_score_fields() -> Fields {
    Fields::from(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("score", DataType::Float64, true),
    ])
}

pub fn scores_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(
        DataType::Struct(label_score_fields()),
        true,
    )))
}

/// Lists of labels and scores, best first; NULL for rows without scores.
pub fn scores_array(names: &[String], rows: impl Iterator<Item = Option<Vec<f32>>>) -> ArrayRef {
    let labels = StringBuilder::new();
    let scores = Float64Builder::new();
    let mut list = ListBuilder::new(StructBuilder::new(
        label_score_fields(),
        vec![Box::new(labels), Box::new(scores)],
    ));
    for row in rows {
        if let Some(scores) = &row {
            for (label, score) in rank_labels(scores) {
                let entry = list.values();
                if let Some(builder) = entry.field_builder::<StringBuilder>(0) {
                    builder.append_value(&names[label]);
                }
                if let Some(builder) = entry.field_builder::<Float64Builder>(1) {
                    builder.append_value(f64::from(score));
                }
                entry.append(true);
            }
        }
        list.append(row.is_some());
    }
    Arc::new(list.finish())
}
