//! `ai_count_tokens(text [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::Int64Array;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

use super::arguments::{TextArgument, all_literal, columnar_result};
use super::parameters::{ArgumentType, Parameters};
use super::planning;
use crate::blocking::blocking;
use crate::error::{Error, to_datafusion};
use crate::options::AiOptions;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "Number of tokens of a text, with special tokens, before truncation to the limit of the model. NULL for NULL \
         and blank text. Loads the tokenizer only.",
        "ai_count_tokens(text [, model])",
    )
    .with_argument("text", "Text of any string type.")
    .with_argument("model", "Literal; model in place of `ai.model`.")
    .with_sql_example("```sql\nSELECT avg(ai_count_tokens(text)) FROM products;\n```")
    .build()
});

pub(super) const PARAMETERS: Parameters = Parameters {
    function: "ai_count_tokens",
    list: &[("text", ArgumentType::Text), ("model", ArgumentType::Model)],
    required: 1,
};

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AiCountTokens {
    pub options: AiOptions,
    signature: Signature,
}

impl AiCountTokens {
    pub fn new(options: AiOptions) -> Self {
        Self {
            options,
            // Stable, not immutable: results depend on the settings of the session.
            signature: PARAMETERS.signature(Volatility::Stable),
        }
    }
}

impl ScalarUDFImpl for AiCountTokens {
    fn name(&self) -> &str {
        PARAMETERS.function
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        Some(Self::new(planning::updated_options(config, &self.options)).into())
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        PARAMETERS.coerce(given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Int64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        planning::call_settings(&self.options.settings, self.name(), 1, &args)?;
        Ok(Arc::new(Field::new(self.name(), DataType::Int64, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let literal = all_literal(&args.args);
        let rows = if literal { 1 } else { args.number_rows };
        let texts = TextArgument::new(&args.args[0])?;
        let model = match args.args.get(1) {
            Some(ColumnarValue::Scalar(model)) => Some(model),
            _ => None,
        };
        let settings = planning::settings_with_model(&self.options.settings, model);
        let cancel = planning::call_cancel_token(&args.config_options, &self.options);
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
        })
        .map_err(to_datafusion)?;
        columnar_result(Arc::new(counts), literal)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}
