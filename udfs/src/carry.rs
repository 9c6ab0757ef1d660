//! What a plan takes along when another process runs it: the settings of its
//! model calls, the label set that they choose from, and the model that they
//! were planned with.
//!
//! A program that sends plans to other processes encodes their nodes by itself
//! and has a [`Carried`] for each function and each call. What describes a
//! machine (the device, threads, folders) is not carried: whoever runs the plan
//! has its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::{not_impl_err, plan_datafusion_err};
use datafusion::error::Result;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion::physical_plan::PhysicalExpr;
use serde::{Deserialize, Serialize};

use crate::functions::{self, Kind, ModelFunction};
use crate::models::WantedPrecision;
use crate::options::{AiOptions, Settings};
use crate::plan::PhysicalCall;
use crate::runtime::{ModelFacts, Runtime};
use crate::taxonomy::Taxonomy;

/// Joins a label set's name to its fingerprint, where a process has another
/// one of that name.
const AT: char = '@';

/// What a function or call needs elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// Those of [`AiOptions::of_query`].
    settings: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    taxonomy: Option<Taxonomy>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<ModelFacts>,
}

impl Carried {
    fn new(options: &AiOptions) -> Self {
        Self {
            settings: options.of_query(),
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
        // Every process is to compute in the precision that was planned with,
        // whatever its own device would have it choose.
        let planned = model
            .as_ref()
            .and_then(|model| model.precision.parse().ok());
        if let (WantedPrecision::Auto, Some(planned)) = (settings.precision, planned) {
            settings.precision = planned;
        }
        let chooses =
            function.shape().position(Kind::Labels).is_some() || function.chooses().is_some();
        let taxonomy = runtime.taxonomy(&settings.taxonomy).ok();
        let options = AiOptions {
            settings,
            ..AiOptions::new(Arc::clone(runtime))
        };
        Self {
            taxonomy: taxonomy.filter(|_| chooses).map(Arc::unwrap_or_clone),
            model,
            ..Self::new(&options)
        }
    }

    /// The options that were carried, with what describes the machine from
    /// `here`. The label set is registered here.
    fn unpack(&self, here: &AiOptions) -> Result<AiOptions> {
        let mut options = here.with_query(&self.settings)?;
        let Some(taxonomy) = &self.taxonomy else {
            return Ok(options);
        };
        let own = here.runtime.taxonomy(&taxonomy.name).ok();
        if own.is_some_and(|own| *own == *taxonomy) {
            return Ok(options);
        }
        // Clients may have different sets under one name.
        let mut taxonomy = taxonomy.clone();
        if !taxonomy.name.contains(AT) {
            taxonomy.name = format!("{}{AT}{}", taxonomy.name, taxonomy.fingerprint());
        }
        options.settings.taxonomy.clone_from(&taxonomy.name);
        here.runtime.set_taxonomy(taxonomy);
        Ok(options)
    }
}

/// What a scalar function takes along; `None` for one that has no settings.
///
/// # Errors
/// For one whose answers hang on files of this machine.
pub fn scalar(function: &ScalarUDF) -> Result<Option<Carried>> {
    if functions::reads_trained_models(function) {
        return not_impl_err!(
            "{} asks a model that CREATE MODEL made on this machine",
            function.name()
        );
    }
    if let Some(udf) = functions::as_model_udf(function) {
        let (settings, runtime) = (&udf.options.settings, &udf.options.runtime);
        // Where the precision is settled, another process planned.
        let open = settings.precision == WantedPrecision::Auto;
        let model = open.then(|| runtime.facts(settings).ok()).flatten();
        return Ok(Some(Carried::of_model_function(
            udf.function,
            settings,
            runtime,
            model,
        )));
    }
    Ok(functions::scalar_options(function).map(Carried::new))
}

/// The same of an aggregate function.
pub fn aggregate(function: &AggregateUDF) -> Option<Carried> {
    functions::aggregate_options(function).map(Carried::new)
}

/// The same of a window function.
pub fn window(function: &WindowUDF) -> Option<Carried> {
    functions::window_options(function).map(Carried::new)
}

/// A scalar function with the settings that it brought along, on the machine
/// of `here`.
///
/// # Errors
/// A function or a setting that is not known here.
pub fn arrived_scalar(name: &str, carried: &Carried, here: &AiOptions) -> Result<ScalarUDF> {
    let options = carried.unpack(here)?;
    let mut all = functions::scalar_functions(&options).into_iter();
    all.find(|function| function.name() == name)
        .ok_or_else(|| unknown(name))
}

/// The same of an aggregate function.
///
/// # Errors
/// A function or a setting that is not known here.
pub fn arrived_aggregate(name: &str, carried: &Carried, here: &AiOptions) -> Result<AggregateUDF> {
    let options = carried.unpack(here)?;
    let mut all = functions::aggregate_functions(&options).into_iter();
    all.find(|function| function.name() == name)
        .ok_or_else(|| unknown(name))
}

/// The same of a window function.
///
/// # Errors
/// A function or a setting that is not known here.
pub fn arrived_window(name: &str, carried: &Carried, here: &AiOptions) -> Result<WindowUDF> {
    let options = carried.unpack(here)?;
    let mut all = functions::window_functions(&options).into_iter();
    all.find(|function| function.name() == name)
        .ok_or_else(|| unknown(name))
}

/// What a call of the operator `Infer` takes along.
pub fn call(call: &PhysicalCall) -> Carried {
    Carried::of_model_function(
        call.function,
        &call.settings,
        &call.runtime,
        call.planned.clone(),
    )
}

/// A call of the model function `name`, with what it brought along, on the
/// machine of `here`.
///
/// # Errors
/// A function or a setting that is not known here.
pub fn arrived_call(
    name: &str,
    shown: String,
    carried: &Carried,
    args: Vec<Arc<dyn PhysicalExpr>>,
    here: &AiOptions,
) -> Result<PhysicalCall> {
    let options = carried.unpack(here)?;
    Ok(PhysicalCall {
        shown,
        function: functions::model_function(name).ok_or_else(|| unknown(name))?,
        runtime: options.runtime,
        settings: options.settings,
        args,
        planned: carried.model.clone(),
    })
}

fn unknown(name: &str) -> datafusion::error::DataFusionError {
    plan_datafusion_err!("there is no function {name} here")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> AiOptions {
        let settings = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string()));
        AiOptions::new(Arc::new(Runtime::new()))
            .with_query(&settings.collect())
            .unwrap()
    }

    fn function(name: &str, options: &AiOptions) -> ScalarUDF {
        let mut all = functions::scalar_functions(options).into_iter();
        all.find(|function| function.name() == name).unwrap()
    }

    /// Through bytes, as a plan goes.
    fn sent(carried: &Carried) -> Carried {
        serde_json::from_slice(&serde_json::to_vec(carried).unwrap()).unwrap()
    }

    #[test]
    fn a_function_has_its_querys_settings_and_the_machines_own() {
        let there = options(&[("model", "deterministic"), ("min_score", "0.5")]);
        let carried = scalar(&function("categorize", &there)).unwrap().unwrap();
        let here = AiOptions {
            settings: Settings {
                threads: 3,
                ..Settings::default()
            },
            ..options(&[])
        };
        let arrived = arrived_scalar("categorize", &sent(&carried), &here).unwrap();
        let udf = functions::as_model_udf(&arrived).unwrap();
        assert_eq!(udf.options.settings.model, "deterministic");
        assert_eq!(
            udf.options.settings.min_score.map(|score| score.get()),
            Some(0.5)
        );
        assert_eq!(udf.options.settings.threads, 3);
        // What was planned is what is computed.
        assert_eq!(udf.options.settings.precision.to_string(), "fp32");
    }

    #[test]
    fn a_label_set_goes_along_and_takes_no_other_ones_place() {
        let there = options(&[("model", "deterministic"), ("taxonomy", "own")]);
        let labels = ["a".to_string(), "b".to_string()];
        let own = Taxonomy {
            name: "own".to_string(),
            ..Taxonomy::from_labels(&labels)
        };
        there.runtime.set_taxonomy(own.clone());
        let carried = scalar(&function("categorize", &there)).unwrap().unwrap();
        let here = options(&[]);
        here.runtime.set_taxonomy(Taxonomy {
            template: "another {}".to_string(),
            ..own
        });
        let arrived = arrived_scalar("categorize", &sent(&carried), &here).unwrap();
        // It goes on to a third process, as from a scheduler to an executor.
        let carried = scalar(&arrived).unwrap().unwrap();
        let third = options(&[]);
        let arrived = arrived_scalar("categorize", &sent(&carried), &third).unwrap();
        let name = &functions::as_model_udf(&arrived)
            .unwrap()
            .options
            .settings
            .taxonomy;
        let taxonomy = third.runtime.taxonomy(name).unwrap();
        assert_eq!(taxonomy.template, Taxonomy::from_labels(&labels).template);
        assert_eq!(taxonomy.labels.len(), 2);
        assert_eq!(name.matches(AT).count(), 1, "{name}");
        let second = here.runtime.taxonomy("own").unwrap();
        assert_eq!(second.template, "another {}");
    }

    #[test]
    fn what_hangs_on_files_of_the_machine_stays() {
        let here = options(&[]);
        assert!(scalar(&function("ai_predict", &here)).is_err());
        assert_eq!(scalar(&function("l2_normalize", &here)).unwrap(), None);
    }
}
