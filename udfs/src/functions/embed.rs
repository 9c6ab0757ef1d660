//! `embed(text [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};

use super::model_function::{Answered, Call, Model, ModelFunction, Shape};
use super::planning::{Kind, vector_field};
use crate::inference::Reading;
use crate::runtime::ModelFacts;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "The meaning of a text as a vector of unit length, FixedSizeList<Float32, dim>. NULL or blank text \
         gives NULL. The column remembers model, revision, pooling and precision in its metadata.",
        "embed(text [, model])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("model", "Literal; a model other than `ai.model`.")
    .with_sql_example("```sql\nSELECT docid, embed(title) AS v FROM products LIMIT 10;\n```")
    .build()
});

static SHAPE: Shape = Shape {
    name: "embed",
    aliases: &["ai_embed"],
    arguments: &[("text", Kind::Text), ("model", Kind::Model)],
    required: 1,
    documentation: &DOC,
};

pub struct Embed;

impl ModelFunction for Embed {
    fn shape(&self) -> &'static Shape {
        &SHAPE
    }

    fn field(&self, facts: &ModelFacts) -> Field {
        vector_field(facts)
    }

    fn width(&self) -> usize {
        1
    }

    fn readings<'a>(&self, call: &'a Call, row: usize, out: &mut Vec<Reading<'a>>) {
        out.push(call.text(0, row).map(Into::into));
    }

    fn answers(&self, call: &Call, model: &Model<'_>, vectors: &Answered<'_>) -> Result<ArrayRef> {
        let dims = model.encoder.dims;
        let mut values = Vec::with_capacity(call.rows * dims);
        let mut valid = Vec::with_capacity(call.rows);
        for row in 0..call.rows {
            let vector = vectors(row, 0);
            valid.push(vector.is_some());
            match vector {
                Some(vector) => values.extend_from_slice(vector),
                None => values.resize(values.len() + dims, 0.0),
            }
        }
        let item = Arc::new(Field::new_list_field(DataType::Float32, true));
        Ok(Arc::new(FixedSizeListArray::try_new(
            item,
            dims as i32,
            Arc::new(Float32Array::from(values)),
            Some(NullBuffer::from(valid)),
        )?))
    }
}
