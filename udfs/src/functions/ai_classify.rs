//! `ai_classify(text, labels [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::StringArray;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

use super::arguments::{answer, constant};
use super::planning::{self, Argument, Kind};
use crate::inference::best;
use crate::options::AiOptions;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection {
            include: true,
            label: "AI Functions",
            description: None,
        },
        "The label that is nearest to a text in meaning. NULL or blank text gives NULL.",
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

pub(super) const ARGUMENTS: &[Argument] = &[
    ("text", Kind::Text),
    ("labels", Kind::Labels),
    ("model", Kind::Model),
];

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AiClassify {
    options: AiOptions,
    signature: Signature,
}

impl AiClassify {
    pub fn new(options: AiOptions) -> Self {
        Self {
            options,
            signature: planning::signature(ARGUMENTS),
        }
    }
}

impl ScalarUDFImpl for AiClassify {
    fn name(&self) -> &str {
        "ai_classify"
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
        Ok(DataType::Utf8)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let settings = planning::with_model(&self.options.settings, self.name(), 2, &args)?;
        planning::check_labels(1, &args)?;
        self.options.runtime.facts(&settings)?;
        Ok(Arc::new(Field::new(self.name(), DataType::Utf8, true)))
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        planning::check_label_literal(1, args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let classified = super::ai_classify_scores::classify(&self.options, &args)?;
        let labels: StringArray = classified
            .scores
            .iter()
            .map(|scores| {
                scores
                    .as_deref()
                    .and_then(best)
                    .map(|label| classified.labels[label].as_str())
            })
            .collect();
        answer(Arc::new(labels), constant(&args.args))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}
