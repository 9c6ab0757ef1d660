//! `ai_similarity(a, b [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::Float64Array;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

use super::arguments::{Texts, answer, constant};
use super::planning::{self, Argument, Kind};
use crate::inference::Run;
use crate::options::AiOptions;
use crate::runtime::blocking;
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

const ARGUMENTS: &[Argument] = &[("a", Kind::Text), ("b", Kind::Text), ("model", Kind::Model)];

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AiSimilarity {
    options: AiOptions,
    signature: Signature,
}

impl AiSimilarity {
    pub fn new(options: AiOptions) -> Self {
        Self {
            options,
            signature: planning::signature(ARGUMENTS),
        }
    }
}

impl ScalarUDFImpl for AiSimilarity {
    fn name(&self) -> &str {
        "ai_similarity"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        Some(Self::new(planning::options(config, &self.options)).into())
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        planning::coerce(self.name(), ARGUMENTS, 2, given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let settings = planning::with_model(&self.options.settings, self.name(), 2, &args)?;
        self.options.runtime.facts(&settings)?;
        Ok(Arc::new(Field::new(self.name(), DataType::Float64, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = constant(&args.args);
        let rows = if constant { 1 } else { args.number_rows };
        let (a, b) = (Texts::new(&args.args[0])?, Texts::new(&args.args[1])?);
        let settings = planning::with_model_value(&self.options.settings, 2, &args);
        let runtime = &self.options.runtime;
        // Both columns in one request, so that a text in both is encoded once,
        // and a row with only one text not at all.
        let mut texts = Vec::with_capacity(rows * 2);
        for row in 0..rows {
            let pair = a.get(row).zip(b.get(row));
            texts.push(pair.map(|(a, _)| a));
            texts.push(pair.map(|(_, b)| b));
        }
        let vectors = blocking(|| {
            runtime
                .encoder(&settings)?
                .encode(&texts, &Run::new(runtime, &settings))
        })?;
        let cosines: Float64Array = (0..rows)
            .map(|row| {
                let (a, b) = vectors.get(2 * row).zip(vectors.get(2 * row + 1))?;
                Some(f64::from(dot(a, b).clamp(-1.0, 1.0)))
            })
            .collect();
        answer(Arc::new(cosines), constant)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}
