//! `ai_similarity(a, b [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Array};
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::model_function::{Answered, Call, Model, ModelFunction, Shape};
use super::planning::Kind;
use crate::inference::Reading;
use crate::runtime::ModelFacts;
use crate::vector::dot;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "How alike two texts are in meaning: the cosine of their vectors, from -1 to 1. NULL where either \
         text is NULL or blank.",
        "ai_similarity(a, b [, model])",
    )
    .with_argument("a", "Text of any string type.")
    .with_argument("b", "Text of any string type.")
    .with_argument("model", "Literal; a model other than `ai.model`.")
    .with_sql_example("```sql\nSELECT title, ai_similarity(title, 'running shoes') AS likeness\nFROM products ORDER BY likeness DESC NULLS LAST LIMIT 5;\n```")
    .build()
});

static SHAPE: Shape = Shape {
    name: "ai_similarity",
    aliases: &[],
    arguments: &[("a", Kind::Text), ("b", Kind::Text), ("model", Kind::Model)],
    required: 2,
    documentation: &DOC,
};

pub struct AiSimilarity;

impl ModelFunction for AiSimilarity {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn field(&self, _: &ModelFacts) -> Field {
        Field::new("", DataType::Float64, true)
    }

    fn width(&self) -> usize {
        2
    }

    /// A row with only one text is not read at all.
    fn readings<'a>(&self, call: &'a Call, row: usize, out: &mut Vec<Reading<'a>>) {
        let pair = call.text(0, row).zip(call.text(1, row));
        out.push(pair.map(|(a, _)| a.into()));
        out.push(pair.map(|(_, b)| b.into()));
    }

    fn answers(&self, call: &Call, _: &Model<'_>, vectors: &Answered<'_>) -> Result<ArrayRef> {
        let cosines: Float64Array = (0..call.rows)
            .map(|row| {
                let (a, b) = vectors(row, 0).zip(vectors(row, 1))?;
                Some(f64::from(dot(a, b).clamp(-1.0, 1.0)))
            })
            .collect();
        Ok(Arc::new(cosines))
    }
}
