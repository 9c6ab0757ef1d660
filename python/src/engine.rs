//! A session of our own: everything that the shell can do, in Python.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyKeyboardInterrupt};
use pyo3::prelude::*;
use semql::{ExitCode, SessionOptions, ShellError};

use crate::rows::{self, Rows};

create_exception!(
    semql,
    Error,
    PyException,
    "A statement failed; the message says what happened, where, and what to do."
);
create_exception!(
    semql,
    SetupError,
    Error,
    "Something is missing on this machine: a model, a library, a dictionary."
);

#[pyclass(frozen, module = "semql._semql")]
pub struct Engine(semql::Engine);

#[pymethods]
impl Engine {
    #[new]
    fn new(
        py: Python<'_>,
        settings: Vec<(String, String)>,
        data_dict: Option<PathBuf>,
        memory_limit: Option<usize>,
    ) -> PyResult<Self> {
        let options = SessionOptions {
            data_dict,
            default_dictionary: true,
            settings,
            memory_limit,
            progress: false,
            remote: None,
            ..SessionOptions::default()
        };
        let engine = py.detach(|| semql::Engine::open(&options));
        Ok(Self(engine.map_err(raised)?))
    }

    /// Runs statements to their end; the rows are those of the last one.
    fn run(&self, py: Python<'_>, text: &str) -> PyResult<Rows> {
        let mut signal = None;
        let answer = py.detach(|| {
            self.0.run(text, &mut || {
                signal = Python::attach(|py| py.check_signals()).err();
                signal.is_some()
            })
        });
        match signal {
            // What the handler raised, which for Ctrl-C is KeyboardInterrupt.
            Some(raised) => Err(raised),
            None => answer.map(Rows).map_err(raised),
        }
    }

    /// Makes a table of the rows in `data`, in place of the one that has its name.
    fn register(&self, name: &str, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let rows = rows::read(data)?;
        let table = || -> Result<(), DataFusionError> {
            let table = MemTable::try_new(rows.schema, vec![rows.batches])?;
            let name = TableReference::from(name);
            let context = self.0.context();
            context.deregister_table(name.clone())?;
            context.register_table(name, Arc::new(table))?;
            Ok(())
        };
        table().map_err(|why| raised(why.into()))
    }
}

fn raised(error: ShellError) -> PyErr {
    match error.code {
        ExitCode::Setup => SetupError::new_err(error.message),
        ExitCode::Interrupted => PyKeyboardInterrupt::new_err(error.message),
        _ => Error::new_err(error.message),
    }
}
