//! `ai_classify_scores(text, labels [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow::datatypes::{DataType, Field, Fields};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::labels::classifier;
use super::model_function::{Answered, Call, Model, ModelFunction, Shape};
use super::planning::{Argument, Kind};
use crate::inference::{Reading, scored};
use crate::runtime::ModelFacts;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection {
            include: true,
            label: "AI Functions",
            description: None,
        },
        "Every label with its likeness to a text (a cosine, -1 to 1), best first: \
         List<Struct<label, score>>. NULL or blank text gives NULL.",
        "ai_classify_scores(text, labels [, model])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "Array literal of two or more distinct labels.")
    .with_argument("model", "Literal; a model other than `ai.model`.")
    .with_sql_example(
        "```sql\nSELECT ai_classify_scores('late delivery', ['praise', 'complaint'])[1];\n```",
    )
    .build()
});

pub(super) const ARGUMENTS: &[Argument] = &[
    ("text", Kind::Text),
    ("labels", Kind::Labels),
    ("model", Kind::Model),
];

static SHAPE: Shape = Shape {
    name: "ai_classify_scores",
    aliases: &[],
    arguments: ARGUMENTS,
    required: 2,
    documentation: &DOC,
};

pub struct AiClassifyScores;

impl ModelFunction for AiClassifyScores {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn field(&self, _: &ModelFacts) -> Field {
        Field::new("", scores_type(), true)
    }

    fn width(&self) -> usize {
        1
    }

    fn readings<'a>(&self, call: &'a Call, row: usize, out: &mut Vec<Reading<'a>>) {
        out.push(call.text(0, row).map(Into::into));
    }

    fn answers(&self, call: &Call, model: &Model<'_>, vectors: &Answered<'_>) -> Result<ArrayRef> {
        let classifier = classifier(call, model)?;
        let scores = (0..call.rows).map(|row| vectors(row, 0).map(|v| classifier.scores(v, None)));
        Ok(scores_array(&classifier.labels, scores))
    }
}

fn pair() -> Fields {
    Fields::from(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("score", DataType::Float64, true),
    ])
}

pub fn scores_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(
        DataType::Struct(pair()),
        true,
    )))
}

/// The lists of labels and scores, best first; NULL for no text.
pub fn scores_array(names: &[String], rows: impl Iterator<Item = Option<Vec<f32>>>) -> ArrayRef {
    let labels = StringBuilder::new();
    let scores = Float64Builder::new();
    let mut list = ListBuilder::new(StructBuilder::new(
        pair(),
        vec![Box::new(labels), Box::new(scores)],
    ));
    for row in rows {
        if let Some(scores) = &row {
            for (label, score) in scored(scores) {
                let pair = list.values();
                if let Some(builder) = pair.field_builder::<StringBuilder>(0) {
                    builder.append_value(&names[label]);
                }
                if let Some(builder) = pair.field_builder::<Float64Builder>(1) {
                    builder.append_value(f64::from(score));
                }
                pair.append(true);
            }
        }
        list.append(row.is_some());
    }
    Arc::new(list.finish())
}
