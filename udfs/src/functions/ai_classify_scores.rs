//! `ai_classify_scores(text, labels [, model])`.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Builder, ListBuilder, StringBuilder, StructBuilder};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::config::ConfigOptions;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

use super::ai_classify::ARGUMENTS;
use super::arguments::{Texts, answer, constant};
use super::planning;
use crate::error::Error;
use crate::inference::{Run, scored};
use crate::options::AiOptions;
use crate::runtime::blocking;

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

#[derive(Debug, PartialEq, Eq, Hash)]
pub struct AiClassifyScores {
    options: AiOptions,
    signature: Signature,
}

impl AiClassifyScores {
    pub fn new(options: AiOptions) -> Self {
        Self {
            options,
            signature: planning::signature(ARGUMENTS),
        }
    }
}

impl ScalarUDFImpl for AiClassifyScores {
    fn name(&self) -> &str {
        "ai_classify_scores"
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
        Ok(scores_type())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let settings = planning::with_model(&self.options.settings, self.name(), 2, &args)?;
        planning::check_labels(1, &args)?;
        self.options.runtime.facts(&settings)?;
        Ok(Arc::new(Field::new(self.name(), scores_type(), true)))
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        planning::check_label_literal(1, args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let classified = classify(&self.options, &args)?;
        answer(scores_array(&classified), constant(&args.args))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&DOC)
    }
}

/// Texts with the score of every label.
pub(super) struct Classified {
    pub labels: Vec<String>,
    /// Per row, one score a label in their order; `None` for no text.
    pub scores: Vec<Option<Vec<f32>>>,
}

/// Scores the labels of a call `(text, labels [, model])`.
pub(super) fn classify(options: &AiOptions, args: &ScalarFunctionArgs) -> Result<Classified> {
    let rows = if constant(&args.args) {
        1
    } else {
        args.number_rows
    };
    let texts = Texts::new(&args.args[0])?;
    let ColumnarValue::Scalar(labels) = &args.args[1] else {
        return exec_err!(
            "the labels must be the same for every row: write them as an array literal"
        );
    };
    let taxonomy = planning::taxonomy_of(labels)?;
    let settings = planning::with_model_value(&options.settings, 2, args);
    let runtime = &options.runtime;
    Ok(blocking(|| -> Result<Classified, Error> {
        let encoder = runtime.encoder(&settings)?;
        let run = Run::new(runtime, &settings);
        let vectors = encoder.encode(&texts.all(rows), &run)?;
        let classifier = runtime.classifier(&taxonomy, &encoder, &run)?;
        Ok(Classified {
            labels: classifier.labels.clone(),
            scores: (0..rows)
                .map(|row| vectors.get(row).map(|v| classifier.scores(v)))
                .collect(),
        })
    })?)
}

fn pair() -> Fields {
    Fields::from(vec![
        Field::new("label", DataType::Utf8, true),
        Field::new("score", DataType::Float64, true),
    ])
}

fn scores_type() -> DataType {
    DataType::List(Arc::new(Field::new_list_field(
        DataType::Struct(pair()),
        true,
    )))
}

fn scores_array(classified: &Classified) -> ArrayRef {
    let labels = StringBuilder::new();
    let scores = Float64Builder::new();
    let mut list = ListBuilder::new(StructBuilder::new(
        pair(),
        vec![Box::new(labels), Box::new(scores)],
    ));
    for row in &classified.scores {
        if let Some(scores) = row {
            for (label, score) in scored(scores) {
                let pair = list.values();
                if let Some(builder) = pair.field_builder::<StringBuilder>(0) {
                    builder.append_value(&classified.labels[label]);
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
