//! `ai_count_tokens(text [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

use super::arguments::{Texts, answer, constant};
use super::planning::{self, Argument, Kind};
use crate::error::Error;
use crate::options::AiOptions;
use crate::runtime::blocking;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "How many tokens the model's tokenizer makes of a text, its special tokens included, before anything \
         is cut at the model's limit. NULL or blank text gives NULL. Loads the tokenizer only.",
        "ai_count_tokens(text [, model])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("model", "Literal; a model other than `ai.model`.")
    .with_sql_example("```sql\nSELECT avg(ai_count_tokens(text)) FROM products;\n```")
    .build()
});

const ARGUMENTS: &[Argument] = &[("text", Kind::Text), ("model", Kind::Model)];

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AiCountTokens {
    pub options: AiOptions,
    signature: Signature,
}

impl AiCountTokens {
    pub fn new(options: AiOptions) -> Self {
        Self {
            options,
            signature: planning::signature(ARGUMENTS),
        }
    }
}

impl ScalarUDFImpl for AiCountTokens {
    fn name(&self) -> &str {
        "ai_count_tokens"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        Some(Self::new(planning::updated(config, &self.options)).into())
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        planning::coerce(self.name(), ARGUMENTS, 1, given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        planning::with_model(&self.options.settings, self.name(), 1, &args)?;
        Ok(Arc::new(Field::new(self.name(), DataType::Int64, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = constant(&args.args);
        let rows = if constant { 1 } else { args.number_rows };
        let texts = Texts::new(&args.args[0])?;
        let settings = match args.args.get(1) {
            Some(ColumnarValue::Scalar(model)) => planning::named(&self.options.settings, model),
            _ => self.options.settings.clone(),
        };
        let cancel = planning::cancel_token(&args.config_options, &self.options);
        let counts = blocking(|| -> Result<Int64Array, Error> {
            let runtime = &self.options.runtime;
            let encoder = runtime.encoder_with_cancel(&settings, &cancel)?;
            (0..rows)
                .map(|row| {
                    let count = texts
                        .get(row)
                        .map(|text| encoder.tokenizer.count(text))
                        .transpose();
                    count
                        .map(|count| count.map(|n| n as i64))
                        .map_err(Error::Failed)
                })
                .collect()
        })?;
        answer(Arc::new(counts), constant)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}
