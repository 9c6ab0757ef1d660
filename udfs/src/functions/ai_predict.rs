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

use super::ai_classify_scores::{scores_array, scores_type};
use super::arguments::{Texts, answer, constant};
use super::planning;
use crate::options::AiOptions;
use crate::runtime::blocking;
use crate::trained::{Prediction, Shared, Trained};

/// What is made of predictions.
struct Answer {
    name: &'static str,
    field: fn(&Trained) -> DataType,
    array: fn(&Trained, &[Option<Prediction>]) -> Result<ArrayRef>,
    documentation: LazyLock<Documentation>,
}

static ANSWERS: [Answer; 2] = [
    Answer {
        name: "ai_predict",
        field: labels_type,
        array: labels,
        documentation: LazyLock::new(|| {
            documentation(
                "ai_predict",
                "The label that a model made by CREATE MODEL gives a row; NULL where no column has a text. A model that \
                 predicts several levels gives a struct with a field for each, whose labels belong together.",
            )
        }),
    },
    Answer {
        name: "ai_predict_scores",
        field: |_| scores_type(),
        array: scores,
        documentation: LazyLock::new(|| {
            documentation(
                "ai_predict_scores",
                "Every label of the model's finest level with its score, best first: how far the row is on the label's \
                 side of its boundary, above 0 where the label fits. NULL where no column has a text.",
            )
        }),
    },
];

fn documentation(name: &str, describes: &str) -> Documentation {
    let section = DocSection {
        include: true,
        label: "AI Functions",
        description: None,
    };
    Documentation::builder(section, describes, format!("{name}(model, text, ...)"))
        .with_argument("model", "Literal; the name of a model made by CREATE MODEL.")
        .with_argument("text", "The columns that the model was trained on, in that order.")
        .with_sql_example(format!(
            "```sql\nCREATE MODEL gpc FROM (SELECT title, text, category FROM labelled) PREDICT category;\n\
             SELECT {name}('gpc', title, text) FROM products;\n```"
        ))
        .build()
}

/// Both functions.
pub fn functions(options: &AiOptions) -> impl Iterator<Item = ScalarUDF> {
    ANSWERS.iter().map(|answer| {
        AiPredict {
            answer,
            options: options.clone(),
            // A model may be replaced between two queries.
            signature: Signature::user_defined(Volatility::Stable),
        }
        .into()
    })
}

pub struct AiPredict {
    answer: &'static Answer,
    options: AiOptions,
    signature: Signature,
}

impl std::fmt::Debug for AiPredict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.answer.name)
    }
}

impl PartialEq for AiPredict {
    fn eq(&self, other: &Self) -> bool {
        self.answer.name == other.answer.name && self.options == other.options
    }
}

impl Eq for AiPredict {}

impl Hash for AiPredict {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.answer.name.hash(state);
        self.options.hash(state);
    }
}

impl AiPredict {
    fn model(&self, name: Option<&ScalarValue>) -> Result<Shared> {
        match name.and_then(ScalarValue::try_as_str) {
            Some(Some(name)) => Ok(self.options.runtime.trained().get(name)?),
            _ => plan_err!(
                "the first argument of {} is the name of a model, as a literal",
                self.answer.name
            ),
        }
    }
}

impl ScalarUDFImpl for AiPredict {
    fn name(&self) -> &str {
        self.answer.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        if given.len() < 2 {
            return plan_err!(
                "{}(model, text, ...) takes the name of a model and the columns it was trained on",
                self.answer.name
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
        let (wanted, given) = (&model.about.columns, args.arg_fields.len() - 1);
        if wanted.len() != given {
            return plan_err!(
                "the model '{}' was trained on {} ({}), and {given} {} given",
                model.about.name,
                wanted.join(", "),
                wanted.len(),
                if given == 1 { "is" } else { "are" }
            );
        }
        Ok(Arc::new(Field::new(
            self.answer.name,
            (self.answer.field)(&model),
            true,
        )))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((ColumnarValue::Scalar(name), columns)) = args.args.split_first() else {
            return exec_err!("the name of the model has to be a literal");
        };
        let model = self.model(Some(name))?;
        let constant = constant(&args.args);
        let rows = if constant { 1 } else { args.number_rows };
        let texts = columns.iter().map(Texts::new).collect::<Result<Vec<_>>>()?;
        let options = AiOptions {
            cancel: planning::cancel_token(&args.config_options, &self.options),
            ..self.options.clone()
        };
        let array = blocking(|| {
            let row = |row: usize| texts.iter().map(|text| text.get(row)).collect();
            let rows: Vec<_> = (0..rows).map(row).collect();
            (self.answer.array)(&model, &model.answer(&rows, &options)?)
        })?;
        answer(array, constant)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.answer.documentation)
    }
}

fn level_fields(model: &Trained) -> Fields {
    let levels = model.about.levels.iter();
    levels
        .map(|level| Field::new(&level.column, DataType::Utf8, true))
        .collect()
}

fn labels_type(model: &Trained) -> DataType {
    match model.about.levels.as_slice() {
        [_] => DataType::Utf8,
        _ => DataType::Struct(level_fields(model)),
    }
}

fn labels(model: &Trained, predictions: &[Option<Prediction>]) -> Result<ArrayRef> {
    let of_level = |level: usize| -> ArrayRef {
        let labels = predictions.iter().map(|prediction| {
            let prediction = prediction.as_ref()?;
            Some(model.label(level, prediction.labels[level]))
        });
        Arc::new(labels.collect::<StringArray>())
    };
    if model.about.levels.len() == 1 {
        return Ok(of_level(0));
    }
    let columns = (0..model.about.levels.len()).map(of_level).collect();
    let valid = predictions.iter().map(Option::is_some).collect();
    Ok(Arc::new(StructArray::try_new(
        level_fields(model),
        columns,
        Some(valid),
    )?))
}

fn scores(model: &Trained, predictions: &[Option<Prediction>]) -> Result<ArrayRef> {
    let finest = model.about.levels.len() - 1;
    let scores = predictions.iter().map(|prediction| {
        let prediction = prediction.as_ref()?;
        prediction.scores.last().cloned()
    });
    Ok(scores_array(&model.about.levels[finest].labels, scores))
}
