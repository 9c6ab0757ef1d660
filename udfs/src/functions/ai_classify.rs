//! `ai_classify(text, labels [, model])`.

use std::sync::LazyLock;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::ai_classify_scores::ARGUMENTS;
use super::labels::chosen;
use super::model_function::{Answered, Call, ChoosesLabel, Model, ModelFunction, Shape};
use crate::inference::Reading;
use crate::runtime::ModelFacts;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection {
            include: true,
            label: "AI Functions",
            description: None,
        },
        "The label that is nearest to a text in meaning. NULL or blank text gives NULL, and so does a text whose \
             best label does not reach `ai.min_score`.",
        "ai_classify(text, labels [, model])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "Array literal of two or more distinct labels.")
    .with_argument("model", "Literal; a model other than `ai.model`.")
    .with_sql_example(
        "```sql\nSELECT ai_classify('fits well, would buy again', ['praise', 'complaint']);\n```",
    )
    .build()
});

static SHAPE: Shape = Shape {
    name: "ai_classify",
    aliases: &[],
    arguments: ARGUMENTS,
    required: 2,
    documentation: &DOC,
};

pub struct AiClassify;

impl ModelFunction for AiClassify {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn field(&self, _: &ModelFacts) -> Field {
        Field::new("", DataType::Utf8, true)
    }

    fn width(&self) -> usize {
        1
    }

    fn readings<'a>(&self, call: &'a Call, row: usize, out: &mut Vec<Reading<'a>>) {
        out.push(call.text(0, row).map(Into::into));
    }

    fn answers(&self, call: &Call, model: &Model<'_>, vectors: &Answered<'_>) -> Result<ArrayRef> {
        chosen(self, call, model, vectors, None)
    }

    fn chooses(&self) -> Option<&dyn ChoosesLabel> {
        Some(self)
    }
}

impl ChoosesLabel for AiClassify {
    fn vector(&self, _: &Call, row: usize, vectors: &Answered<'_>) -> Option<Vec<f32>> {
        vectors(row, 0).map(<[f32]>::to_vec)
    }

    fn head<'a>(&self, _: &'a Call, _: usize) -> Option<&'a str> {
        None
    }
}
