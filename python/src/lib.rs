//! Extension module `semql._semql` of the Python package: functions for a session
//! of the package `datafusion`, the session of the shell, and the command. The
//! modules of `python/semql` are its public interface.

mod capsule;
mod command;
mod engine;
mod errors;
mod functions;
mod rows;
mod scalar_adapter;
mod settings;

use pyo3::pymodule;

/// Extension module.
#[pymodule]
mod _semql {
    #[pymodule_export]
    use super::command::main;
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::errors::{Error, SetupError};
    #[pymodule_export]
    use super::functions::{
        AggregateFunction, ScalarFunction, WindowFunction, functions, interrupt,
    };
    #[pymodule_export]
    use super::rows::Rows;
    #[pymodule_export]
    use super::settings::{Extension, check, settings};

    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("DATAFUSION", datafusion::DATAFUSION_VERSION)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
