//! Model functions as DataFusion functions.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::arguments::{all_literal, columnar_result};
use super::labels_argument::labels_taxonomy;
use super::language_model_labels::language_model_udf;
use super::model_function::{BatchArguments, LoadedModel, ModelFunction};
use super::parameters::ArgumentType;
use super::planning;
use crate::blocking::blocking;
use crate::error::to_datafusion;
use crate::options::AiOptions;
use crate::settings::Settings;

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
        let model = parameters.position(ArgumentType::Model);
        let model = model.and_then(|at| args.scalar_arguments.get(at).copied().flatten());
        if let Some(task) = language_model_udf(self.name(), &self.options, model) {
            return task.return_field_from_args(args);
        }
        let settings = match parameters.position(ArgumentType::Model) {
            Some(at) => planning::call_settings(&self.options.settings, name, at, &args)?,
            None => self.options.settings.clone(),
        };
        let position = parameters.position(ArgumentType::Labels);
        let labels = position.filter(|at| *at < args.arg_fields.len());
        if let Some(labels) = labels.and_then(|at| args.scalar_arguments.get(at).copied().flatten())
        {
            labels_taxonomy(labels)?;
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
            labels_taxonomy(labels)?;
        }
        Ok(ExprSimplifyResult::Original(args))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let spec = self.function.spec();
        let model = spec.parameters.position(ArgumentType::Model);
        let model = match model.and_then(|at| args.args.get(at)) {
            Some(ColumnarValue::Scalar(model)) => Some(model),
            _ => None,
        };
        if let Some(task) = language_model_udf(self.name(), &self.options, model) {
            return task.invoke_with_args(args);
        }
        let literal = all_literal(&args.args);
        let rows = if literal { 1 } else { args.number_rows };
        let call = BatchArguments::new(spec, &args.args, rows)?;
        let settings = self.settings(model);
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
