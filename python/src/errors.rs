//! Exceptions of the module, and interruptions by Python's signal handlers.

use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt};
use pyo3::prelude::*;
use semql::{ExitCode, ShellError};

create_exception!(
    semql,
    Error,
    PyException,
    "A statement failed; the message has the cause, the line and the next step."
);
create_exception!(
    semql,
    SetupError,
    Error,
    "This machine lacks a model, a library or a dictionary."
);

/// The Python exception of an error.
pub fn to_py_err(error: ShellError) -> PyErr {
    match error.code {
        ExitCode::Setup => SetupError::new_err(error.message),
        ExitCode::Interrupted => PyKeyboardInterrupt::new_err(error.message),
        _ => Error::new_err(error.message),
    }
}

/// Runs Python's signal handlers; keeps the exception that one raises.
pub fn interrupted(signal: &mut Option<PyErr>) -> bool {
    *signal = Python::attach(|py| py.check_signals()).err();
    signal.is_some()
}

/// The result, or the exception of a signal handler, such as KeyboardInterrupt.
pub fn finished<T>(result: Result<T, ShellError>, signal: Option<PyErr>) -> PyResult<T> {
    match signal {
        Some(exception) => Err(exception),
        None => result.map_err(to_py_err),
    }
}
