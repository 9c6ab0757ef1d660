//! What a SQL function that asks a model has to say of itself, and the
//! DataFusion function made of it.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, LazyLock};

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{exec_err, internal_err};
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};
use datafusion::scalar::ScalarValue;

use super::arguments::{Texts, answer, constant};
use super::planning::{self, Argument, Kind};
use crate::inference::{Encoder, Reading, Run};
use crate::options::{AiOptions, Settings};
use crate::runtime::{ModelFacts, Runtime, blocking};

/// How a function looks in SQL.
pub struct Shape {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    pub arguments: &'static [Argument],
    /// How many of the arguments must be given.
    pub required: usize,
    pub documentation: &'static LazyLock<Documentation>,
}

impl Shape {
    /// Where the argument of that kind stands, if the function has one.
    pub fn position(&self, kind: Kind) -> Option<usize> {
        self.arguments.iter().position(|(_, k)| *k == kind)
    }

    /// How many of the arguments are texts.
    pub fn texts(&self) -> usize {
        let text = |(_, kind): &&Argument| *kind == Kind::Text;
        self.arguments.iter().filter(text).count()
    }
}

/// A function whose answer is worked out of the vectors of texts.
///
/// One object serves every call. It is asked in two steps, so that calls over
/// the same texts can share one pass through the model: which texts a row has
/// to have read, and, with their vectors, what the answers are.
pub trait ModelFunction: Send + Sync {
    fn shape(&self) -> &'static Shape;

    /// The type and metadata of the answers; they are nullable in any case.
    fn field(&self, facts: &ModelFacts) -> Field;

    /// Refuses, before a row is read, what can be known to be wrong by then.
    fn check(&self, _runtime: &Runtime, _settings: &Settings, _labels_given: bool) -> Result<()> {
        Ok(())
    }

    /// How many texts are read for one row.
    fn width(&self) -> usize;

    /// Puts the [`width`](Self::width) texts of `row` into `out`, `None` where
    /// there is nothing to read.
    fn readings<'a>(&self, call: &'a Call, row: usize, out: &mut Vec<Reading<'a>>);

    /// One answer for each row. `vectors` gives the vector of a row's
    /// reading, `None` where there is none or the model failed on it.
    fn answers(&self, call: &Call, model: &Model<'_>, vectors: &Answered<'_>) -> Result<ArrayRef>;

    /// The function as one that chooses a label, if it is one: then a student
    /// can answer for the model in fast mode.
    fn chooses(&self) -> Option<&dyn ChoosesLabel> {
        None
    }
}

/// A function whose answer is the label that is most like a row.
pub trait ChoosesLabel: Send + Sync {
    /// What the row is compared with the labels by: a vector of unit length.
    fn vector(&self, call: &Call, row: usize, vectors: &Answered<'_>) -> Option<Vec<f32>>;

    /// The text whose words may name a label.
    fn head<'a>(&self, call: &'a Call, row: usize) -> Option<&'a str>;
}

/// The vector of reading `1` in row `0`.
pub type Answered<'a> = dyn Fn(usize, usize) -> Option<&'a [f32]> + 'a;

/// The arguments of one call on one batch.
pub struct Call {
    /// The text arguments, in their order.
    pub texts: Vec<Texts>,
    /// The list of labels, where the function takes one and it is given.
    pub labels: Option<ScalarValue>,
    pub rows: usize,
}

/// The model that answers a call.
pub struct Model<'a> {
    pub encoder: &'a Arc<Encoder>,
    pub settings: &'a Settings,
    pub run: &'a Run,
}

impl Call {
    /// # Errors
    /// Labels that differ from row to row.
    pub fn new(shape: &Shape, args: &[ColumnarValue], rows: usize) -> Result<Self> {
        let mut call = Self {
            texts: Vec::new(),
            labels: None,
            rows,
        };
        for ((_, kind), arg) in shape.arguments.iter().zip(args) {
            match (kind, arg) {
                (Kind::Text, arg) => call.texts.push(Texts::new(arg)?),
                (Kind::Labels, ColumnarValue::Scalar(labels)) => call.labels = Some(labels.clone()),
                (Kind::Labels, ColumnarValue::Array(_)) => {
                    return exec_err!(
                        "the labels must be the same for every row: write them as an array literal"
                    );
                }
                (Kind::Model, _) => {}
            }
        }
        Ok(call)
    }

    /// The text of argument `argument` in a row, without the white space
    /// around it; `None` for NULL and for blank text.
    pub fn text(&self, argument: usize, row: usize) -> Option<&str> {
        self.texts[argument].get(row)
    }
}

/// A [`ModelFunction`] with the session's options, as DataFusion calls it.
pub struct ModelUdf {
    pub function: &'static dyn ModelFunction,
    pub options: AiOptions,
    signature: Signature,
    aliases: Vec<String>,
}

impl ModelUdf {
    pub fn new(function: &'static dyn ModelFunction, options: AiOptions) -> Self {
        let shape = function.shape();
        Self {
            function,
            options,
            signature: planning::signature(shape.arguments),
            aliases: shape.aliases.iter().map(|a| a.to_string()).collect(),
        }
    }

    /// The settings of a call, whose model argument may name another model.
    pub fn settings(&self, model: Option<&ScalarValue>) -> Settings {
        match model {
            Some(model) => planning::named(&self.options.settings, model),
            None => self.options.settings.clone(),
        }
    }
}

impl std::fmt::Debug for ModelUdf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelUdf")
            .field("name", &self.name())
            .field("options", &self.options)
            .finish()
    }
}

impl PartialEq for ModelUdf {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && self.options == other.options
    }
}

impl Eq for ModelUdf {}

impl Hash for ModelUdf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
        self.options.hash(state);
    }
}

impl ScalarUDFImpl for ModelUdf {
    fn name(&self) -> &str {
        self.function.shape().name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let options = planning::updated(config, &self.options);
        Some(Self::new(self.function, options).into())
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let shape = self.function.shape();
        planning::coerce(shape.name, shape.arguments, shape.required, given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type may depend on the model; return_field_from_args gives it")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let shape = self.function.shape();
        let settings = match shape.position(Kind::Model) {
            Some(at) => planning::with_model(&self.options.settings, shape.name, at, &args)?,
            None => self.options.settings.clone(),
        };
        let labels = shape
            .position(Kind::Labels)
            .filter(|at| *at < args.arg_fields.len());
        if let Some(at) = labels {
            planning::check_labels(at, &args)?;
        }
        let runtime = &self.options.runtime;
        self.function.check(runtime, &settings, labels.is_some())?;
        let facts = runtime.facts_with_cancel(&settings, &self.options.cancel)?;
        let mut field = self.function.field(&facts);
        // Labels in the call are in the query for all to see.
        let taxonomy = match (shape.position(Kind::Labels), labels) {
            (Some(_), None) => Some(runtime.taxonomy(&settings.taxonomy)?),
            _ => None,
        };
        let provenance = planning::provenance(&facts, &settings, taxonomy.as_deref());
        field = field.with_metadata(provenance);
        Ok(Arc::new(field.with_name(shape.name).with_nullable(true)))
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        match self.function.shape().position(Kind::Labels) {
            Some(at) => planning::check_label_literal(at, args),
            None => Ok(ExprSimplifyResult::Original(args)),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = constant(&args.args);
        let rows = if constant { 1 } else { args.number_rows };
        let shape = self.function.shape();
        let call = Call::new(shape, &args.args, rows)?;
        let model = shape.position(Kind::Model).and_then(|at| args.args.get(at));
        let settings = self.settings(match model {
            Some(ColumnarValue::Scalar(model)) => Some(model),
            _ => None,
        });
        let runtime = &self.options.runtime;
        let cancel = planning::cancel_token(&args.config_options, &self.options);
        let width = self.function.width();
        let array = blocking(|| -> Result<ArrayRef> {
            let encoder = runtime.encoder_with_cancel(&settings, &cancel)?;
            let run = Run::new(runtime, &settings)?.with_cancel(&cancel);
            let mut readings = Vec::with_capacity(rows * width);
            for row in 0..rows {
                self.function.readings(&call, row, &mut readings);
            }
            let vectors = encoder.encode(&readings, &run)?;
            let model = Model {
                encoder: &encoder,
                settings: &settings,
                run: &run,
            };
            let vector = |row: usize, reading: usize| vectors.get(row * width + reading);
            self.function.answers(&call, &model, &vector)
        })?;
        answer(array, constant)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.function.shape().documentation)
    }
}
