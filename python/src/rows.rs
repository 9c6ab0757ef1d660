//! What a statement gave, as Arrow data that Python's libraries take over
//! without copying it.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ffi::FFI_ArrowSchema;
use datafusion::arrow::ffi_stream::{ArrowArrayStreamReader, FFI_ArrowArrayStream};
use datafusion::arrow::record_batch::RecordBatchIterator;
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::capsule;

#[pyclass(frozen, module = "semql._semql")]
pub struct Rows(pub semql::Answer);

#[pymethods]
impl Rows {
    /// What was done; empty for rows.
    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    /// What people should know of how it was done.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.0.notes.clone()
    }

    #[getter]
    fn columns(&self) -> Vec<String> {
        let fields = self.0.schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    fn __len__(&self) -> usize {
        self.0.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// The schema that is asked for is a wish, which consumers can fulfil
    /// themselves.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let _ = requested_schema;
        let batches = self.0.batches.clone().into_iter().map(Ok);
        let reader = RecordBatchIterator::new(batches, Arc::clone(&self.0.schema));
        let stream = FFI_ArrowArrayStream::new(Box::new(reader));
        capsule::give(py, stream, capsule::ARROW_STREAM)
    }

    fn __arrow_c_schema__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let schema = FFI_ArrowSchema::try_from(self.0.schema.as_ref()).map_err(refused)?;
        capsule::give(py, schema, capsule::ARROW_SCHEMA)
    }

    /// The first rows as a table of characters.
    fn text(&self, most: usize) -> PyResult<String> {
        let mut left = most;
        let mut first = Vec::new();
        for batch in &self.0.batches {
            let rows = left.min(batch.num_rows());
            first.push(batch.slice(0, rows));
            left -= rows;
        }
        let schema = Arc::clone(&self.0.schema);
        let table = pretty_format_batches_with_schema(schema, &first).map_err(refused)?;
        Ok(table.to_string())
    }
}

/// Reads the rows of any object that gives an Arrow stream.
///
/// # Errors
/// `TypeError` for an object that gives none, `ValueError` for one that is
/// broken.
pub fn read(data: &Bound<'_, PyAny>) -> PyResult<semql::Answer> {
    if !data.hasattr("__arrow_c_stream__")? {
        return Err(PyTypeError::new_err(format!(
            "{} gives no Arrow stream: pass a table of pyarrow, a DataFrame of polars, or one of pandas 2.2 or later",
            data.get_type()
        )));
    }
    let object = data.call_method0("__arrow_c_stream__")?;
    let stream: *mut FFI_ArrowArrayStream = capsule::look(&object, capsule::ARROW_STREAM)?;
    // SAFETY: the capsule's name says what it holds. The stream is moved out of
    // it, which leaves one behind that is released.
    let reader = unsafe { ArrowArrayStreamReader::from_raw(stream) }.map_err(refused)?;
    let schema = datafusion::arrow::array::RecordBatchReader::schema(&reader);
    // Whoever gives the stream may need other threads of Python for it.
    let batches = data.py().detach(|| reader.collect::<Result<Vec<_>, _>>());
    Ok(semql::Answer {
        schema,
        batches: batches.map_err(refused)?,
        message: String::new(),
        notes: Vec::new(),
    })
}

fn refused(why: ArrowError) -> PyErr {
    PyValueError::new_err(why.to_string())
}
