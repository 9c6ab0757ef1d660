//! Result of a statement, as Arrow data that Python's libraries take without
//! copying.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ffi::FFI_ArrowSchema;
use datafusion::arrow::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use datafusion::arrow::record_batch::RecordBatchIterator;
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use semql::{ShellError, StatementResult};

use crate::capsule;
use crate::errors::{finished, interrupted};

/// Rows of a statement. They are computed when they are read.
#[pyclass(frozen, module = "semql._semql")]
pub struct Rows {
    schema: SchemaRef,
    message: String,
    state: Mutex<RowState>,
}

struct RowState {
    /// Computed rows that `next` has not returned.
    batches: Vec<RecordBatch>,
    /// `None` after the last row.
    rest: Option<StatementResult>,
    /// Whether rows are missing, since `next` returned them or computing failed.
    incomplete: bool,
}

impl Rows {
    /// Rows of which `first` are computed.
    pub fn new(first: Option<RecordBatch>, result: StatementResult) -> Self {
        Self {
            schema: Arc::clone(&result.schema),
            message: result.message.clone(),
            state: Mutex::new(RowState {
                rest: first.is_some().then_some(result),
                batches: first.into_iter().collect(),
                incomplete: false,
            }),
        }
    }

    fn of_batch(schema: SchemaRef, batch: RecordBatch) -> Self {
        Self {
            schema,
            message: String::new(),
            state: Mutex::new(RowState {
                batches: vec![batch],
                rest: None,
                incomplete: false,
            }),
        }
    }

    /// Computes all rows.
    fn all(&self, py: Python<'_>) -> PyResult<Vec<RecordBatch>> {
        let mut signal = None;
        let all = py.detach(|| -> Result<_, ShellError> {
            let mut state = lock(&self.state);
            if state.incomplete {
                return Ok(None);
            }
            while let Some(batch) = state.compute(&mut signal)? {
                state.batches.push(batch);
            }
            Ok(Some(state.batches.clone()))
        });
        match finished(all, signal)? {
            Some(batches) => Ok(batches),
            None => Err(PyValueError::new_err(
                "some rows were read by to_reader() or have failed; run the statement again",
            )),
        }
    }
}

impl RowState {
    /// The next batch of the statement; `None` at the end. Python's signal handlers
    /// may interrupt it, and `signal` is then their exception.
    fn compute(&mut self, signal: &mut Option<PyErr>) -> Result<Option<RecordBatch>, ShellError> {
        let Some(rest) = &mut self.rest else {
            return Ok(None);
        };
        let batch = rest.next_batch(&mut || interrupted(signal));
        self.incomplete |= batch.is_err();
        if !matches!(batch, Ok(Some(_))) {
            self.rest = None;
        }
        batch
    }
}

/// Locks without Python's lock, which the holder may need for signal handlers.
fn lock(state: &Mutex<RowState>) -> MutexGuard<'_, RowState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[pymethods]
impl Rows {
    /// What the statement did; empty for rows.
    #[getter]
    fn message(&self) -> &str {
        &self.message
    }

    #[getter]
    fn columns(&self) -> Vec<String> {
        let fields = self.schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    /// The next rows, once; `None` at the end.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Rows>> {
        let mut signal = None;
        let batch = py.detach(|| {
            let mut state = lock(&self.state);
            state.incomplete = true;
            match state.batches.is_empty() {
                true => state.compute(&mut signal),
                false => Ok(Some(state.batches.remove(0))),
            }
        });
        let batch = finished(batch, signal)?;
        Ok(batch.map(|batch| Self::of_batch(Arc::clone(&self.schema), batch)))
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(self.all(py)?.iter().map(RecordBatch::num_rows).sum())
    }

    /// Consumers convert to the requested schema themselves.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches = self.all(py)?.into_iter().map(Ok);
        let reader = RecordBatchIterator::new(batches, Arc::clone(&self.schema));
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        capsule::wrap(py, stream, capsule::ARROW_STREAM)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.schema.as_ref()).map_err(refused)?;
        capsule::wrap(py, schema, capsule::ARROW_SCHEMA)
    }

    /// The first rows as a table of characters.
    fn text(&self, py: Python<'_>, max_rows: usize) -> PyResult<String> {
        let mut left = max_rows;
        let mut first = Vec::new();
        for batch in self.all(py)? {
            let rows = left.min(batch.num_rows());
            first.push(batch.slice(0, rows));
            left -= rows;
        }
        let schema = Arc::clone(&self.schema);
        let table = pretty_format_batches_with_schema(schema, &first).map_err(refused)?;
        Ok(table.to_string())
    }
}

/// Rows of another library.
pub struct ForeignRows {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

/// Reads the rows of an object that has an Arrow stream.
///
/// # Errors
/// `TypeError` for an object without one, `ValueError` for a broken stream.
pub fn read(data: &Bound<'_, PyAny>) -> PyResult<ForeignRows> {
    if !data.hasattr("__arrow_c_stream__")? {
        return Err(PyTypeError::new_err(format!(
            "{} has no Arrow stream; pass a table of pyarrow, a DataFrame of polars, or one of pandas 2.2 or later",
            data.get_type()
        )));
    }
    let object = data.call_method0("__arrow_c_stream__")?;
    let stream: *mut FFI_ArrowArrayStream = capsule::pointer(&object, capsule::ARROW_STREAM)?;
    // SAFETY: the capsule's name determines its type. The stream is moved out of
    // it, and leaves a released one.
    let reader = unsafe { ArrowArrayStreamReader::from_raw(stream) }.map_err(refused)?;
    let schema = datafusion::arrow::array::RecordBatchReader::schema(&reader);
    // The producer may need other threads of Python.
    let batches = data.py().detach(|| reader.collect::<Result<Vec<_>, _>>());
    Ok(ForeignRows {
        schema,
        batches: batches.map_err(refused)?,
    })
}

fn refused(error: ArrowError) -> PyErr {
    PyValueError::new_err(error.to_string())
}
