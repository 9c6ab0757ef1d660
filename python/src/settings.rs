//! `ai.*` from Python's side: given when functions are registered, and SET on a
//! session of another library.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::config::{ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result};
use datafusion_ffi::config::extension_options::FFI_ExtensionOptions;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use semql_udfs::{AiOptions, Runtime};

use crate::capsule;

/// In front of every setting.
const PREFIX: &str = "ai.";

/// Every setting without its prefix, and what it is for.
#[pyfunction]
pub fn settings() -> Vec<(String, &'static str)> {
    let entries = AiOptions::new(Arc::new(Runtime::new())).entries();
    entries
        .into_iter()
        .map(|entry| (bare(&entry.key).to_string(), entry.description))
        .collect()
}

/// Refuses a setting that does not exist, or cannot have that value.
#[pyfunction]
pub fn check(given: Vec<(String, String)>) -> PyResult<()> {
    options(Arc::new(Runtime::new()), &given)
        .map(|_| ())
        .map_err(refused)
}

/// The error in Python, without the name of the layer it comes from.
pub fn refused(why: DataFusionError) -> PyErr {
    PyValueError::new_err(words(why))
}

fn words(why: DataFusionError) -> String {
    match why {
        DataFusionError::Configuration(words) => words,
        other => other.strip_backtrace(),
    }
}

/// Options with these settings changed.
///
/// # Errors
/// A setting that does not exist, or cannot have that value.
pub fn options(runtime: Arc<Runtime>, given: &[(String, String)]) -> Result<AiOptions> {
    let mut options = AiOptions::new(runtime);
    for (key, value) in given {
        options.set(key, value)?;
    }
    Ok(options)
}

/// The options as a session of another library has changed them since.
///
/// # Errors
/// In words, a setting that does not exist, or cannot have that value: the
/// other library takes whatever it is told.
pub fn of_session(config: &ConfigOptions, before: &AiOptions) -> Result<AiOptions, String> {
    let mut options = before.clone();
    let Some(extension) = config.extensions.get::<FFI_ExtensionOptions>() else {
        return Ok(options);
    };
    for entry in extension.entries() {
        if let (Some(key), Some(value)) = (entry.key.strip_prefix(PREFIX), &entry.value) {
            options.set(key, value).map_err(words)?;
        }
    }
    Ok(options)
}

fn bare(key: &str) -> &str {
    key.strip_prefix(PREFIX).unwrap_or(key)
}

/// What makes `SET ai.*` known to a session of another library.
#[pyclass(frozen, module = "semql._semql")]
pub struct Extension(Vec<(String, String)>);

#[pymethods]
impl Extension {
    #[new]
    fn new(given: Vec<(String, String)>) -> Self {
        Self(given)
    }

    fn __datafusion_extension_options__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // Only what was given: what is not there leaves open what the
        // functions were registered with.
        let given = self.0.iter();
        let given: HashMap<String, String> = given
            .map(|(key, value)| (format!("{PREFIX}{key}"), value.clone()))
            .collect();
        let options = FFI_ExtensionOptions::from(given);
        capsule::give(py, options, capsule::EXTENSION_OPTIONS)
    }
}
