//! Settings `ai.*`, given in Python or with SET on a session of `datafusion`.

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

/// Prefix of every setting.
const PREFIX: &str = "ai.";

/// Name of every setting, without its prefix, and its description.
#[pyfunction]
pub fn settings() -> Vec<(String, &'static str)> {
    let entries = AiOptions::new(Arc::new(Runtime::new())).entries();
    entries
        .into_iter()
        .map(|entry| {
            let name = entry.key.strip_prefix(PREFIX).unwrap_or(&entry.key);
            (name.to_string(), entry.description)
        })
        .collect()
}

/// Refuses unknown settings and invalid values.
#[pyfunction]
pub fn check(given: Vec<(String, String)>) -> PyResult<()> {
    options(Arc::new(Runtime::new()), &given)
        .map(|_| ())
        .map_err(value_error)
}

/// `ValueError` with the message of an error.
pub fn value_error(error: DataFusionError) -> PyErr {
    PyValueError::new_err(message(error))
}

/// Message of an error, without the prefix for configuration errors.
fn message(error: DataFusionError) -> String {
    match error {
        DataFusionError::Configuration(message) => message,
        other => other.strip_backtrace(),
    }
}

/// Options with these settings.
///
/// # Errors
/// An unknown setting, or an invalid value.
pub fn options(runtime: Arc<Runtime>, given: &[(String, String)]) -> Result<AiOptions> {
    let mut options = AiOptions::new(runtime);
    for (key, value) in given {
        options.set(key, value)?;
    }
    Ok(options)
}

/// Options with the changes of SET on a session of `datafusion`.
///
/// # Errors
/// The message for an unknown setting or an invalid value, which SET accepts.
pub fn with_session_changes(
    config: &ConfigOptions,
    registered: &AiOptions,
) -> Result<AiOptions, String> {
    let mut options = registered.clone();
    let Some(extension) = config.extensions.get::<FFI_ExtensionOptions>() else {
        return Ok(options);
    };
    for entry in extension.entries() {
        if let (Some(key), Some(value)) = (entry.key.strip_prefix(PREFIX), &entry.value) {
            options.set(key, value).map_err(message)?;
        }
    }
    Ok(options)
}

/// Configuration extension that enables `SET ai.*` on a session of `datafusion`.
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
        // Omits other settings, so that they keep the values of the registration.
        let given = self.0.iter();
        let given: HashMap<String, String> = given
            .map(|(key, value)| (format!("{PREFIX}{key}"), value.clone()))
            .collect();
        let options = FFI_ExtensionOptions::from(given);
        capsule::wrap(py, options, capsule::EXTENSION_OPTIONS)
    }
}
