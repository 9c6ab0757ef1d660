//! Command `semql`.

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the shell with a command line, and exits with its code.
#[pyfunction]
pub fn main(py: Python<'_>, line: Vec<OsString>) {
    py.detach(|| -> () { semql::main_with_args(line, semql::Extensions::default()) });
}
