//! `categorize(title, text [, labels])`.

use std::sync::{Arc, LazyLock};

use arrow::array::StringArray;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

use super::arguments::{Texts, answer, constant};
use super::planning::{self, Argument, Kind};
use crate::error::Error;
use crate::inference::{Run, best, categorize};
use crate::options::AiOptions;
use crate::runtime::blocking;

static DOC: LazyLock<Documentation> = LazyLock::new(|| {
    Documentation::builder(
        DocSection { include: true, label: "AI Functions", description: None },
        "The category of a product offer: a label of the taxonomy that `ai.taxonomy` names, or of the array \
         given. Where one of title and text is NULL or blank the other serves; where both are, the answer is NULL.",
        "categorize(title, text [, labels])",
    )
    .with_argument("title", "Text of any string type.")
    .with_argument("text", "Text of any string type.")
    .with_argument("labels", "Array literal of two or more distinct labels, in place of the taxonomy.")
    .with_sql_example("```sql\nSELECT categorize(title, text) AS category, COUNT(*) AS amount_of_products\nFROM products GROUP BY category;\n```")
    .build()
});

const ARGUMENTS: &[Argument] = &[
    ("title", Kind::Text),
    ("text", Kind::Text),
    ("labels", Kind::Labels),
];

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Categorize {
    options: AiOptions,
    signature: Signature,
}

impl Categorize {
    pub fn new(options: AiOptions) -> Self {
        Self {
            options,
            signature: planning::signature(ARGUMENTS),
        }
    }
}

impl ScalarUDFImpl for Categorize {
    fn name(&self) -> &str {
        "categorize"
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
        let (settings, runtime) = (&self.options.settings, &self.options.runtime);
        if args.arg_fields.len() > 2 {
            planning::check_labels(2, &args)?;
        } else {
            runtime.taxonomy(&settings.taxonomy)?;
        }
        runtime.facts(settings)?;
        Ok(Arc::new(Field::new(self.name(), DataType::Utf8, true)))
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        planning::check_label_literal(2, args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = constant(&args.args);
        let rows = if constant { 1 } else { args.number_rows };
        let (titles, texts) = (Texts::new(&args.args[0])?, Texts::new(&args.args[1])?);
        let (settings, runtime) = (&self.options.settings, &self.options.runtime);
        let taxonomy = match args.args.get(2) {
            None => runtime.taxonomy(&settings.taxonomy)?,
            Some(ColumnarValue::Scalar(labels)) => Arc::new(planning::taxonomy_of(labels)?),
            Some(_) => {
                return exec_err!(
                    "the labels must be the same for every row: write them as an array literal"
                );
            }
        };
        let offers: Vec<_> = (0..rows)
            .map(|row| (titles.get(row), texts.get(row)))
            .collect();
        let labels: StringArray = blocking(|| -> Result<_, Error> {
            let encoder = runtime.encoder(settings)?;
            let run = Run::new(runtime, settings);
            let classifier = runtime.classifier(&taxonomy, &encoder, &run)?;
            let scores = categorize(&offers, &classifier, &encoder, &run)?;
            Ok(scores
                .iter()
                .map(|scores| {
                    scores
                        .as_deref()
                        .and_then(best)
                        .map(|label| classifier.labels[label].as_str())
                })
                .collect())
        })?;
        answer(Arc::new(labels), constant)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}
