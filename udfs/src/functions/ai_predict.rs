//! `ai_predict(model, text, ...)` and `ai_predict_scores(model, text, ...)`.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, StringArray, StructArray};
use arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{exec_err, internal_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use semql_learning::extraction::model::TrainedExtractor;
use semql_learning::extraction::{Extractor, SourceTexts};
use semql_learning::text_classifier::{Prediction, Predictor, TextClassifier};
use semql_learning::trained_models::TrainedModel;

use super::ai_classify_scores::{scores_array, scores_type};
use super::arguments::{TextArgument, all_literal, columnar_result};
use super::planning;
use super::tasks::{RowAnswer, RowValue, values_array, values_type};
use crate::blocking::blocking;
use crate::error::to_datafusion;
use crate::options::AiOptions;

/// One function: its name, type and conversion of predictions.
struct PredictionFunction {
    name: &'static str,
    output_type: fn(&TextClassifier) -> DataType,
    array: fn(&TextClassifier, &[Option<Prediction>]) -> Result<ArrayRef>,
    takes_extractors: bool,
    documentation: LazyLock<Documentation>,
}

static FUNCTIONS: [PredictionFunction; 2] = [
    PredictionFunction {
        name: "ai_predict",
        output_type: labels_type,
        array: labels,
        takes_extractors: true,
        documentation: LazyLock::new(|| {
            documentation(
                "ai_predict",
                "The label of a row by a model of CREATE MODEL; NULL if no column has a text. A model of several levels \
                 returns a struct with a field for each level, whose labels belong together. An extractor returns a \
                 struct with the best value of each attribute, which is NULL where the text does not say.",
            )
        }),
    },
    PredictionFunction {
        name: "ai_predict_scores",
        output_type: |_| scores_type(),
        array: scores,
        takes_extractors: false,
        documentation: LazyLock::new(|| {
            documentation(
                "ai_predict_scores",
                "Every label of the finest level of the model with its score, best first. The score is the distance of the \
                 row from the decision boundary of the label, above 0 on the side of the label. NULL if no column has a text. \
                 For the scores of an extractor use ai_extract_details.",
            )
        }),
    },
];

fn documentation(name: &str, description: &str) -> Documentation {
    let section = DocSection {
        include: true,
        label: "AI Functions",
        description: None,
    };
    Documentation::builder(section, description, format!("{name}(model, text, ...)"))
        .with_argument("model", "Literal; name of a model of CREATE MODEL.")
        .with_argument(
            "text",
            "The columns that the model was trained on, in the order of `ai_trained_models()`.",
        )
        .with_sql_example(format!(
            "```sql\nCREATE OR REPLACE MODEL gpc FROM (SELECT title, text, category FROM labelled) PREDICT category;\n\
             SELECT {name}('gpc', title, text) FROM products;\n```"
        ))
        .build()
}

/// Both functions.
pub fn functions(options: &AiOptions) -> impl Iterator<Item = ScalarUDF> {
    FUNCTIONS.iter().map(|function| {
        AiPredict {
            function,
            options: options.clone(),
            // A model may be replaced between two queries.
            signature: Signature::user_defined(Volatility::Stable),
        }
        .into()
    })
}

pub struct AiPredict {
    function: &'static PredictionFunction,
    options: AiOptions,
    signature: Signature,
}

impl std::fmt::Debug for AiPredict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.function.name)
    }
}

impl PartialEq for AiPredict {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name && self.options == other.options
    }
}

impl Eq for AiPredict {}

impl Hash for AiPredict {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.name.hash(state);
        self.options.hash(state);
    }
}

/// A model that predicts values of rows.
enum RowModel {
    Classifier(Arc<Predictor>),
    Extractor(Arc<TrainedExtractor>),
}

impl RowModel {
    fn name(&self) -> &str {
        match self {
            Self::Classifier(classifier) => &classifier.metadata.name,
            Self::Extractor(extractor) => &extractor.metadata.name,
        }
    }

    /// Text columns of its input, in order.
    fn columns(&self) -> &[String] {
        match self {
            Self::Classifier(classifier) => &classifier.metadata.columns,
            Self::Extractor(extractor) => extractor.columns(),
        }
    }
}

impl AiPredict {
    fn model(&self, name: Option<&ScalarValue>) -> Result<RowModel> {
        let Some(name) = planning::literal_text(name) else {
            return plan_err!(
                "the first argument of {} must be the name of a model, as a literal",
                self.function.name
            );
        };
        let models = self.options.runtime.trained_models();
        let model = models.get(name).map_err(to_datafusion)?;
        match model {
            TrainedModel::Classifier(classifier) => Ok(RowModel::Classifier(classifier)),
            TrainedModel::Extractor(extractor) if self.function.takes_extractors => {
                Ok(RowModel::Extractor(extractor))
            }
            other => Err(to_datafusion(other.of_another_kind(name))),
        }
    }
}

impl ScalarUDFImpl for AiPredict {
    fn name(&self) -> &str {
        self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() < 2 {
            return plan_err!(
                "{}(model, text, ...) takes the name of a model and the columns that it was trained on",
                self.function.name
            );
        }
        let text = |given: &DataType| match given {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => given.clone(),
            _ => DataType::Utf8,
        };
        Ok(given.iter().map(text).collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type depends on the model; return_field_from_args gives it")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let model = self.model(args.scalar_arguments.first().copied().flatten())?;
        let (expected, given) = (model.columns(), args.arg_fields.len() - 1);
        if expected.len() != given {
            return plan_err!(
                "the model '{}' takes {} columns ({}), not {given}",
                model.name(),
                expected.len(),
                expected.join(", ")
            );
        }
        let output_type = match &model {
            RowModel::Classifier(classifier) => (self.function.output_type)(classifier),
            RowModel::Extractor(extractor) => values_type(extractor.attributes()),
        };
        Ok(Arc::new(Field::new(self.function.name, output_type, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((ColumnarValue::Scalar(name), columns)) = args.args.split_first() else {
            return exec_err!("the name of the model must be a literal");
        };
        let model = self.model(Some(name))?;
        let literal = all_literal(&args.args);
        let rows = if literal { 1 } else { args.number_rows };
        let texts = columns
            .iter()
            .map(TextArgument::new)
            .collect::<Result<Vec<_>>>()?;
        let options = AiOptions {
            cancel: planning::call_cancel_token(&args.config_options, &self.options),
            ..self.options.clone()
        };
        let array = blocking(|| {
            let row = |row: usize| texts.iter().map(|text| text.get(row)).collect();
            let rows: Vec<SourceTexts<'_>> = (0..rows).map(row).collect();
            match &model {
                RowModel::Classifier(classifier) => {
                    let predictions = classifier.predict_texts(&rows, &options.inference());
                    (self.function.array)(classifier, &predictions.map_err(to_datafusion)?)
                }
                RowModel::Extractor(extractor) => values(extractor, &rows, &options),
            }
        })?;
        columnar_result(array, literal)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.function.documentation)
    }
}

fn level_fields(model: &TextClassifier) -> Fields {
    let levels = model.metadata.levels.iter();
    levels
        .map(|level| Field::new(&level.column, DataType::Utf8, true))
        .collect()
}

fn labels_type(model: &TextClassifier) -> DataType {
    match model.metadata.levels.as_slice() {
        [_] => DataType::Utf8,
        _ => DataType::Struct(level_fields(model)),
    }
}

fn labels(model: &TextClassifier, predictions: &[Option<Prediction>]) -> Result<ArrayRef> {
    let of_level = |level: usize| -> ArrayRef {
        let labels = predictions.iter().map(|prediction| {
            let prediction = prediction.as_ref()?;
            Some(model.label(level, prediction.labels[level]))
        });
        Arc::new(labels.collect::<StringArray>())
    };
    if model.metadata.levels.len() == 1 {
        return Ok(of_level(0));
    }
    let columns = (0..model.metadata.levels.len()).map(of_level).collect();
    let valid = predictions.iter().map(Option::is_some).collect();
    Ok(Arc::new(StructArray::try_new(
        level_fields(model),
        columns,
        Some(valid),
    )?))
}

fn scores(model: &TextClassifier, predictions: &[Option<Prediction>]) -> Result<ArrayRef> {
    let finest = model.metadata.levels.len() - 1;
    let scores = predictions.iter().map(|prediction| {
        let prediction = prediction.as_ref()?;
        prediction.scores.last().cloned()
    });
    Ok(scores_array(&model.metadata.levels[finest].labels, scores))
}

/// The best value of each attribute; NULL for a row without text.
fn values(
    extractor: &TrainedExtractor,
    rows: &[SourceTexts<'_>],
    options: &AiOptions,
) -> Result<ArrayRef> {
    let cancellation = options.cancellation();
    let spans = extractor
        .extract(rows, &|| cancellation.is_cancelled())
        .map_err(to_datafusion)?;
    let answers =
        rows.iter()
            .zip(spans)
            .map(|(texts, spans)| match texts.iter().any(Option::is_some) {
                true => RowAnswer::Value(RowValue::Spans(spans)),
                false => RowAnswer::NoText,
            });
    let answers: Vec<RowAnswer> = answers.collect();
    let answers: Vec<&RowAnswer> = answers.iter().collect();
    values_array(extractor.attributes(), rows, &answers)
}
