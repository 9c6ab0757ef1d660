//! Serialization of functions and model calls, for plans that run in other processes.
//!
//! A program encodes the nodes of its plans itself. For each function and each model call
//! it adds a [`CallContext`]: the settings, the label set and the model at planning.
//! Settings of the machine (device, threads, folders) are not part of the context; each
//! process uses its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::{not_impl_err, plan_datafusion_err};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::physical_plan::PhysicalExpr;
use serde::{Deserialize, Serialize};

use crate::functions::{self, ArgumentType, ModelFunction};
use crate::options::AiOptions;
use crate::plan::PhysicalCall;
use crate::runtime::Runtime;
use crate::settings::Settings;
use semql_inference::ModelFacts;
use semql_inference::Taxonomy;
use semql_inference::models::PrecisionSetting;

/// Separates the name of a label set from its fingerprint, if a process has another label
/// set of that name.
const FINGERPRINT_SEPARATOR: char = '@';

/// Settings, label set and model of a function or a model call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallContext {
    /// Those of [`AiOptions::query_settings`].
    settings: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taxonomy: Option<Taxonomy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<ModelFacts>,
}

impl CallContext {
    fn new(options: &AiOptions) -> Self {
        Self {
            settings: options.query_settings(),
            taxonomy: None,
            model: None,
        }
    }

    fn of_model_function(
        function: &dyn ModelFunction,
        settings: &Settings,
        runtime: &Arc<Runtime>,
        model: Option<ModelFacts>,
    ) -> Self {
        let mut settings = settings.clone();
        // Every process computes with the planned precision, and not with the default of
        // its device.
        let planned = model
            .as_ref()
            .and_then(|model| model.precision.parse().ok());
        if let (PrecisionSetting::Auto, Some(planned)) = (settings.precision, planned) {
            settings.precision = planned;
        }
        let uses_taxonomy = function
            .spec()
            .parameters
            .position(ArgumentType::Labels)
            .is_some()
            || function.as_label_classifier().is_some();
        let taxonomy = runtime.taxonomy(&settings.taxonomy).ok();
        let options = AiOptions {
            settings,
            ..AiOptions::new(Arc::clone(runtime))
        };
        Self {
            taxonomy: taxonomy.filter(|_| uses_taxonomy).map(Arc::unwrap_or_clone),
            model,
            ..Self::new(&options)
        }
    }

    /// The options of the context, with the machine's settings of `local`. Registers the
    /// label set.
    fn options(&self, local: &AiOptions) -> Result<AiOptions> {
        let mut options = local.with_query_settings(&self.settings)?;
        let Some(taxonomy) = &self.taxonomy else {
            return Ok(options);
        };
        let own = local.runtime.taxonomy(&taxonomy.name).ok();
        if own.is_some_and(|own| *own == *taxonomy) {
            return Ok(options);
        }
        // Clients may have different sets under one name.
        let mut taxonomy = taxonomy.clone();
        if !taxonomy.name.contains(FINGERPRINT_SEPARATOR) {
            taxonomy.name = format!(
                "{}{FINGERPRINT_SEPARATOR}{}",
                taxonomy.name,
                taxonomy.fingerprint()
            );
        }
        options.settings.taxonomy.clone_from(&taxonomy.name);
        local.runtime.set_taxonomy(taxonomy);
        Ok(options)
    }
}

/// Encodes a scalar function; `None` for a function without settings.
///
/// # Errors
/// A function whose results depend on files of this machine.
pub fn encode_scalar(function: &ScalarUDF) -> Result<Option<CallContext>> {
    if functions::reads_trained_models(function) {
        return not_impl_err!("{} uses models of this machine only", function.name());
    }
    if let Some(udf) = functions::as_model_udf(function) {
        let (settings, runtime) = (&udf.options.settings, &udf.options.runtime);
        // A settled precision comes from the process that planned.
        let open = settings.precision == PrecisionSetting::Auto;
        let model = open.then(|| runtime.facts(settings).ok()).flatten();
        return Ok(Some(CallContext::of_model_function(
            udf.function,
            settings,
            runtime,
            model,
        )));
    }
    Ok(functions::scalar_options(function).map(CallContext::new))
}

/// Encodes an aggregate function; `None` for a function without settings.
pub fn encode_aggregate(function: &AggregateUDF) -> Option<CallContext> {
    functions::aggregate_options(function).map(CallContext::new)
}

/// Encodes a window function; `None` for a function without settings.
pub fn encode_window(function: &WindowUDF) -> Option<CallContext> {
    functions::window_options(function).map(CallContext::new)
}

/// Decodes a scalar function for a process with the options `local`.
///
/// # Errors
/// An unknown function or setting.
pub fn decode_scalar(name: &str, context: &CallContext, local: &AiOptions) -> Result<ScalarUDF> {
    let options = context.options(local)?;
    let mut all = functions::scalar_functions(&options).into_iter();
    all.find(|function| function.name() == name)
        .ok_or_else(|| unknown(name))
}

/// Decodes an aggregate function for a process with the options `local`.
///
/// # Errors
/// An unknown function or setting.
pub fn decode_aggregate(
    name: &str,
    context: &CallContext,
    local: &AiOptions,
) -> Result<AggregateUDF> {
    let options = context.options(local)?;
    let mut all = functions::aggregate_functions(&options).into_iter();
    all.find(|function| function.name() == name)
        .ok_or_else(|| unknown(name))
}

/// Decodes a window function for a process with the options `local`.
///
/// # Errors
/// An unknown function or setting.
pub fn decode_window(name: &str, context: &CallContext, local: &AiOptions) -> Result<WindowUDF> {
    let options = context.options(local)?;
    let mut all = functions::window_functions(&options).into_iter();
    all.find(|function| function.name() == name)
        .ok_or_else(|| unknown(name))
}

/// Encodes a call of the operator `Infer`.
pub fn encode_call(call: &PhysicalCall) -> CallContext {
    CallContext::of_model_function(
        call.function,
        &call.settings,
        &call.runtime,
        call.planned_model.clone(),
    )
}

/// Decodes a call of the model function `name` for a process with the options `local`.
///
/// # Errors
/// An unknown function or setting.
pub fn decode_call(
    name: &str,
    display_name: String,
    context: &CallContext,
    args: Vec<Arc<dyn PhysicalExpr>>,
    local: &AiOptions,
) -> Result<PhysicalCall> {
    let options = context.options(local)?;
    Ok(PhysicalCall {
        display_name,
        function: functions::model_function(name).ok_or_else(|| unknown(name))?,
        runtime: options.runtime,
        settings: options.settings,
        args,
        planned_model: context.model.clone(),
    })
}

fn unknown(name: &str) -> DataFusionError {
    plan_datafusion_err!("unknown function {name}: the processes have different versions of semql")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> AiOptions {
        let settings = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string()));
        AiOptions::new(Arc::new(Runtime::new()))
            .with_query_settings(&settings.collect())
            .unwrap()
    }

    fn function(name: &str, options: &AiOptions) -> ScalarUDF {
        let mut all = functions::scalar_functions(options).into_iter();
        all.find(|function| function.name() == name).unwrap()
    }

    /// The context after serialization.
    fn through_bytes(context: &CallContext) -> CallContext {
        serde_json::from_slice(&serde_json::to_vec(context).unwrap()).unwrap()
    }

    #[test]
    fn a_decoded_function_has_the_settings_of_its_query_and_of_the_machine() {
        let remote = options(&[("model", "deterministic"), ("min_score", "0.5")]);
        let context = encode_scalar(&function("categorize", &remote))
            .unwrap()
            .unwrap();
        let local = AiOptions {
            settings: Settings {
                threads: 3,
                ..Settings::default()
            },
            ..options(&[])
        };
        let decoded = decode_scalar("categorize", &through_bytes(&context), &local).unwrap();
        let udf = functions::as_model_udf(&decoded).unwrap();
        assert_eq!(udf.options.settings.model, "deterministic");
        assert_eq!(
            udf.options.settings.min_score.map(|score| score.get()),
            Some(0.5)
        );
        assert_eq!(udf.options.settings.threads, 3);
        // The planned precision.
        assert_eq!(udf.options.settings.precision.to_string(), "fp32");
    }

    #[test]
    fn a_label_set_is_part_of_the_context_and_replaces_no_other() {
        let remote = options(&[("model", "deterministic"), ("taxonomy", "own")]);
        let labels = ["a".to_string(), "b".to_string()];
        let own = Taxonomy {
            name: "own".to_string(),
            ..Taxonomy::from_labels(&labels)
        };
        remote.runtime.set_taxonomy(own.clone());
        let context = encode_scalar(&function("categorize", &remote))
            .unwrap()
            .unwrap();
        let local = options(&[]);
        local.runtime.set_taxonomy(Taxonomy {
            template: "another {}".to_string(),
            ..own
        });
        let decoded = decode_scalar("categorize", &through_bytes(&context), &local).unwrap();
        // Encoded again for a third process, as by a scheduler for an executor.
        let context = encode_scalar(&decoded).unwrap().unwrap();
        let third = options(&[]);
        let decoded = decode_scalar("categorize", &through_bytes(&context), &third).unwrap();
        let name = &functions::as_model_udf(&decoded)
            .unwrap()
            .options
            .settings
            .taxonomy;
        let taxonomy = third.runtime.taxonomy(name).unwrap();
        assert_eq!(taxonomy.template, Taxonomy::from_labels(&labels).template);
        assert_eq!(taxonomy.labels.len(), 2);
        assert_eq!(name.matches(FINGERPRINT_SEPARATOR).count(), 1, "{name}");
        let second = local.runtime.taxonomy("own").unwrap();
        assert_eq!(second.template, "another {}");
    }

    #[test]
    fn functions_that_depend_on_files_of_the_machine_are_refused() {
        let local = options(&[]);
        assert!(encode_scalar(&function("ai_predict", &local)).is_err());
        assert_eq!(
            encode_scalar(&function("l2_normalize", &local)).unwrap(),
            None
        );
    }
}
