//! Scalar functions over the vectors of texts, as DataFusion functions.

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
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use semql_inference::ModelFacts;
use semql_inference::encoding::{EncodeContext, Encoder, ModelInput};

use super::arguments::{TextArgument, all_literal, columnar_result};
use super::parameters::{ArgumentType, Parameters};
use super::planning;
use crate::blocking::blocking;
use crate::error::to_datafusion;
use crate::options::AiOptions;
use crate::runtime::Runtime;
use crate::settings::Settings;

/// SQL interface of a model function.
pub struct ModelFunctionSpec {
    pub parameters: Parameters,
    pub aliases: &'static [&'static str],
    pub documentation: &'static LazyLock<Documentation>,
}

impl ModelFunctionSpec {
    /// Number of text arguments.
    pub fn text_count(&self) -> usize {
        let list = self.parameters.list.iter();
        list.filter(|(_, argument)| *argument == ArgumentType::Text)
            .count()
    }
}

/// A function whose result is computed from the vectors of texts.
///
/// One object serves every call. The texts of a row and the results from their
/// vectors are two steps, so that calls over the same texts share one pass through
/// the model.
pub trait ModelFunction: Send + Sync {
    fn spec(&self) -> &'static ModelFunctionSpec;

    /// Name in SQL.
    fn name(&self) -> &'static str {
        self.spec().parameters.function
    }

    /// Type and metadata of the results, which are always nullable.
    fn output_field(&self, facts: &ModelFacts) -> Field;

    /// Checks a call at planning, before any row is read.
    ///
    /// # Errors
    /// Settings that the function cannot run with.
    fn validate(&self, _: &Runtime, _: &Settings, _labels_given: bool) -> Result<()> {
        Ok(())
    }

    /// Number of texts that the model reads for one row.
    fn inputs_per_row(&self) -> usize;

    /// Appends the [`inputs_per_row`](Self::inputs_per_row) texts of `row` to `out`;
    /// `None` for an absent text.
    fn push_inputs<'a>(&self, call: &'a BatchArguments, row: usize, out: &mut Vec<ModelInput<'a>>);

    /// Computes one result for each row.
    ///
    /// # Errors
    /// Labels without a classifier; those of Arrow.
    fn compute(
        &self,
        call: &BatchArguments,
        model: &LoadedModel<'_>,
        vectors: &VectorLookup<'_>,
    ) -> Result<ArrayRef>;

    /// The function as a [`LabelClassifier`], if it is one. Fast mode then labels
    /// most rows with a student of the model.
    fn as_label_classifier(&self) -> Option<&dyn LabelClassifier> {
        None
    }
}

/// A function whose result is the label nearest to a row.
pub trait LabelClassifier: Send + Sync {
    /// Vector of unit length that is compared with the labels.
    fn row_vector(
        &self,
        call: &BatchArguments,
        row: usize,
        vectors: &VectorLookup<'_>,
    ) -> Option<Vec<f32>>;

    /// Text whose words may name a label.
    fn head<'a>(&self, call: &'a BatchArguments, row: usize) -> Option<&'a str>;
}

/// Vector of input `1` of row `0`; `None` for an absent text and where the model
/// failed.
pub type VectorLookup<'a> = dyn Fn(usize, usize) -> Option<&'a [f32]> + 'a;

/// Evaluated arguments of one call on one batch.
pub struct BatchArguments {
    /// The text arguments, in order.
    pub texts: Vec<TextArgument>,
    /// The labels, if the call has any.
    pub labels: Option<ScalarValue>,
    pub rows: usize,
}

/// The model of a call, with its settings and context.
pub struct LoadedModel<'a> {
    pub runtime: &'a Runtime,
    pub encoder: &'a Arc<Encoder>,
    pub settings: &'a Settings,
    pub context: &'a EncodeContext,
}

impl BatchArguments {
    /// # Errors
    /// Labels that differ by row.
    pub fn new(spec: &ModelFunctionSpec, args: &[ColumnarValue], rows: usize) -> Result<Self> {
        let mut call = Self {
            texts: Vec::new(),
            labels: None,
            rows,
        };
        for ((_, argument), value) in spec.parameters.list.iter().zip(args) {
            match (argument, value) {
                (ArgumentType::Text, value) => call.texts.push(TextArgument::new(value)?),
                (ArgumentType::Labels, ColumnarValue::Scalar(labels)) => {
                    call.labels = Some(labels.clone());
                }
                (ArgumentType::Labels, ColumnarValue::Array(_)) => {
                    return exec_err!(
                        "the labels must be the same for every row: write them as an array literal"
                    );
                }
                _ => {}
            }
        }
        Ok(call)
    }

    /// The trimmed text of an argument in a row; `None` for NULL and for blank text.
    pub fn text(&self, argument: usize, row: usize) -> Option<&str> {
        self.texts[argument].get(row)
    }
}

/// A [`ModelFunction`] with the options of its session, as a DataFusion function.
pub struct ModelUdf {
    pub function: &'static dyn ModelFunction,
    pub options: AiOptions,
    signature: Signature,
    aliases: Vec<String>,
}

impl ModelUdf {
    pub fn new(function: &'static dyn ModelFunction, options: AiOptions) -> Self {
        let spec = function.spec();
        Self {
            function,
            options,
            // Stable, not immutable: results depend on the settings of the session.
            signature: spec.parameters.signature(Volatility::Stable),
            aliases: spec.aliases.iter().map(|alias| alias.to_string()).collect(),
        }
    }

    /// Settings of a call, whose model argument may name another model.
    pub fn settings(&self, model: Option<&ScalarValue>) -> Settings {
        planning::settings_with_model(&self.options.settings, model)
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
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn with_updated_config(&self, config: &ConfigOptions) -> Option<ScalarUDF> {
        let options = planning::updated_options(config, &self.options);
        Some(Self::new(self.function, options).into())
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        self.function.spec().parameters.coerce(given)
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("the type may depend on the model; return_field_from_args computes it")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let (parameters, name) = (&self.function.spec().parameters, self.function.name());
        let settings = match parameters.position(ArgumentType::Model) {
            Some(at) => planning::call_settings(&self.options.settings, name, at, &args)?,
            None => self.options.settings.clone(),
        };
        let position = parameters.position(ArgumentType::Labels);
        let labels = position.filter(|at| *at < args.arg_fields.len());
        if let Some(labels) = labels.and_then(|at| args.scalar_arguments.get(at).copied().flatten())
        {
            planning::labels_taxonomy(labels)?;
        }
        let runtime = &self.options.runtime;
        self.function
            .validate(runtime, &settings, labels.is_some())?;
        let facts = runtime
            .facts_with_cancel(&settings, &self.options.cancel)
            .map_err(to_datafusion)?;
        // Labels of the call are visible in the query.
        let taxonomy = match (position, labels) {
            (Some(_), None) => {
                let taxonomy = runtime.taxonomy(&settings.taxonomy);
                Some(taxonomy.map_err(to_datafusion)?)
            }
            _ => None,
        };
        let field = self.function.output_field(&facts);
        let mut metadata = planning::provenance(&facts, &settings, taxonomy.as_deref());
        metadata.extend(field.metadata().clone());
        let field = field.with_name(name).with_nullable(true);
        Ok(Arc::new(field.with_metadata(metadata)))
    }

    /// Checks labels once `['a', 'b']` has become a literal, so that wrong ones fail on
    /// an empty table as well.
    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let position = self
            .function
            .spec()
            .parameters
            .position(ArgumentType::Labels);
        if let Some(Expr::Literal(labels, _)) = position.and_then(|at| args.get(at)) {
            planning::labels_taxonomy(labels)?;
        }
        Ok(ExprSimplifyResult::Original(args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let literal = all_literal(&args.args);
        let rows = if literal { 1 } else { args.number_rows };
        let spec = self.function.spec();
        let call = BatchArguments::new(spec, &args.args, rows)?;
        let model = spec.parameters.position(ArgumentType::Model);
        let settings = self.settings(match model.and_then(|at| args.args.get(at)) {
            Some(ColumnarValue::Scalar(model)) => Some(model),
            _ => None,
        });
        let runtime = &self.options.runtime;
        let cancel = planning::call_cancel_token(&args.config_options, &self.options);
        let width = self.function.inputs_per_row();
        let array = blocking(|| -> Result<ArrayRef> {
            let encoder = runtime.encoder_with_cancel(&settings, &cancel);
            let encoder = encoder.map_err(to_datafusion)?;
            let context = runtime.encode_context(&settings);
            let context = context.map_err(to_datafusion)?.with_cancel(&cancel);
            let mut inputs = Vec::with_capacity(rows * width);
            for row in 0..rows {
                self.function.push_inputs(&call, row, &mut inputs);
            }
            let vectors = encoder.encode(&inputs, &context).map_err(to_datafusion)?;
            let model = LoadedModel {
                runtime,
                encoder: &encoder,
                settings: &settings,
                context: &context,
            };
            let vector = |row: usize, input: usize| vectors.get(row * width + input);
            self.function.compute(&call, &model, &vector)
        })?;
        columnar_result(array, literal)
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(self.function.spec().documentation)
    }
}
