//! semql for Python: functions for the session of the package `datafusion`, a
//! session of our own, and the command. The Python files beside this crate are
//! what people import; this module, `semql._semql`, is what those call.

mod capsule;
mod command;
mod engine;
mod foreign;
mod functions;
mod rows;
mod settings;

use pyo3::pymodule;

/// What `semql` imports.
#[pymodule]
mod _semql {
    #[pymodule_export]
    use super::command::main;
    #[pymodule_export]
    use super::engine::{Engine, Error, SetupError};
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
