//! `embed(text [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion::error::Result;
use datafusion::logical_expr::{DocSection, Documentation};
use semql_inference::ModelFacts;
use semql_inference::encoding::ModelInput;

use super::model_function::{
    BatchArguments, LoadedModel, ModelFunction, ModelFunctionSpec, VectorLookup,
};
use super::parameters::{ArgumentType, Parameters};
use super::planning::vector_field;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "The meaning of a text as a vector of unit length, FixedSizeList<Float32, dim>. NULL for NULL and \
         blank text. The metadata of the column has model, revision, pooling and precision.",
        "embed(text [, model])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("model", "Literal; model in place of `ai.model`.")
    .with_sql_example("```sql\nSELECT docid, embed(title) AS v FROM products LIMIT 10;\n```")
    .build()
});

static SPEC: ModelFunctionSpec = ModelFunctionSpec {
    parameters: Parameters {
        function: "embed",
        list: &[("text", ArgumentType::Text), ("model", ArgumentType::Model)],
        required: 1,
    },
    aliases: &["ai_embed"],
    documentation: &DOC,
};

pub struct Embed;

impl ModelFunction for Embed {
    fn spec(&self) -> &'static ModelFunctionSpec {
        &SPEC
    }

    fn output_field(&self, facts: &ModelFacts) -> Field {
        vector_field(facts)
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
