//! Session of the shell for Python.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use pyo3::prelude::*;
use semql::{SessionOptions, ShellError};

use crate::errors::{finished, interrupted, to_py_err};
use crate::rows::{self, Rows};

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
            remote: None,
            ..SessionOptions::default()
        };
        let engine = py.detach(|| semql::Engine::open(&options));
        Ok(Self(engine.map_err(to_py_err)?))
    }

    /// Runs statements, and returns the rows of the last one, of which it computes
    /// the first ones.
    fn run(&self, py: Python<'_>, text: &str) -> PyResult<Rows> {
        let mut signal = None;
        let rows = py.detach(|| -> Result<_, ShellError> {
            let mut stop = || interrupted(&mut signal);
            let mut result = self.0.run(text, &mut stop)?;
            let first = result.next_batch(&mut stop)?;
            Ok(Rows::new(first, result))
        });
        finished(rows, signal)
    }

    /// Returns the notices since the last call.
    fn take_notices(&self, py: Python<'_>) -> Vec<String> {
        py.detach(|| self.0.take_notices())
    }

    /// Registers the rows in `data` as a table, and replaces one of that name.
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
        table().map_err(|error| to_py_err(error.into()))
    }
}
