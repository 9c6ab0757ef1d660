//! `embed(text [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, FixedSizeListArray, Float32Array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

use super::arguments::{Texts, answer, constant};
use super::planning::{self, Argument, Kind};
use crate::inference::{Run, Vectors};
use crate::options::AiOptions;
use crate::runtime::blocking;

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

const ARGUMENTS: &[Argument] = &[("text", Kind::Text), ("model", Kind::Model)];

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Embed {
    options: AiOptions,
    signature: Signature,
    aliases: Vec<String>,
}

impl Embed {
    pub fn new(options: AiOptions) -> Self {
        Self {
            options,
            signature: planning::signature(ARGUMENTS),
            aliases: vec!["ai_embed".to_string()],
        }
    }
}

impl ScalarUDFImpl for Embed {
    fn name(&self) -> &str {
        "embed"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        Some(Self::new(planning::options(config, &self.options)).into())
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        planning::coerce(self.name(), ARGUMENTS, 1, given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("embed's type depends on the model; return_field_from_args gives it")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let settings = planning::with_model(&self.options.settings, self.name(), 1, &args)?;
        let facts = self.options.runtime.facts(&settings)?;
        Ok(planning::vector_field(self.name(), &facts))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = constant(&args.args);
        let rows = if constant { 1 } else { args.number_rows };
        let texts = Texts::new(&args.args[0])?;
        let settings = planning::with_model_value(&self.options.settings, 1, &args);
        let runtime = &self.options.runtime;
        let vectors = blocking(|| {
            let encoder = runtime.encoder(&settings)?;
            encoder.encode(&texts.all(rows), &Run::new(runtime, &settings))
        })?;
        answer(vector_array(&vectors)?, constant)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}

/// `FixedSizeList<Float32>` of the vectors; NULL where there is none.
fn vector_array(vectors: &Vectors) -> Result<ArrayRef> {
    let mut values = Vec::with_capacity(vectors.len() * vectors.dims);
    let mut valid = Vec::with_capacity(vectors.len());
    for row in 0..vectors.len() {
        let vector = vectors.get(row);
        valid.push(vector.is_some());
        match vector {
            Some(vector) => values.extend_from_slice(vector),
            None => values.resize(values.len() + vectors.dims, 0.0),
        }
    }
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let values = Arc::new(Float32Array::from(values));
    let nulls = NullBuffer::from(valid);
    Ok(Arc::new(FixedSizeListArray::try_new(
        item,
        vectors.dims as i32,
        values,
        Some(nulls),
    )?))
}
