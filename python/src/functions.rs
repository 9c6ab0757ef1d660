//! The functions as objects that the package `datafusion` takes.

use std::sync::{Arc, LazyLock};

use datafusion::execution::TaskContext;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF, WindowUDF};
use datafusion_ffi::execution::FFI_TaskContextProvider;
use datafusion_ffi::udaf::FFI_AggregateUDF;
use datafusion_ffi::udf::FFI_ScalarUDF;
use datafusion_ffi::udwf::FFI_WindowUDF;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;
use semql_udfs::{Runtime, aggregate_functions, window_functions};

use crate::settings::refused;
use crate::{capsule, foreign, settings};

/// Shared by all sessions that functions are registered on, so that a model is
/// in memory once.
static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| Arc::new(Runtime::new()));

/// All functions of one kind each.
type Functions = (
    Vec<ScalarFunction>,
    Vec<AggregateFunction>,
    Vec<WindowFunction>,
);

/// The functions, with the settings given and then those of the session whose
/// task context `session` provides.
#[pyfunction]
pub fn functions(given: Vec<(String, String)>, session: &Bound<'_, PyAny>) -> PyResult<Functions> {
    let options = settings::options(Arc::clone(&RUNTIME), &given).map_err(refused)?;
    let provider: *mut FFI_TaskContextProvider = capsule::look(session, capsule::TASK_CONTEXT)?;
    // SAFETY: the capsule's name says what it holds, and the version of
    // datafusion was checked; it lives for the length of this call.
    let provider = unsafe { &*provider };
    let context = Arc::<TaskContext>::try_from(provider).map_err(refused)?;
    let config = context.session_config().options();
    // Refused now, while somebody listens.
    let current = settings::of_session(config, &options).map_err(PyValueError::new_err)?;
    let scalar = foreign::functions(&options).into_iter();
    let scalar = scalar.map(|function| {
        let updated = function.inner().with_updated_config(config);
        ScalarFunction(Arc::new(updated.unwrap_or(function)))
    });
    let aggregate = aggregate_functions(&current).into_iter();
    let window = window_functions(&current).into_iter();
    Ok((
        scalar.collect(),
        aggregate
            .map(|function| AggregateFunction(Arc::new(function)))
            .collect(),
        window
            .map(|function| WindowFunction(Arc::new(function)))
            .collect(),
    ))
}

/// Makes the inference that is under way on all those sessions end after its
/// current batch.
#[pyfunction]
pub fn interrupt() {
    RUNTIME.interrupt();
}

#[pyclass(frozen, module = "semql._semql")]
pub struct ScalarFunction(Arc<ScalarUDF>);

#[pymethods]
impl ScalarFunction {
    fn __datafusion_scalar_udf__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let function = FFI_ScalarUDF::from(Arc::clone(&self.0));
        capsule::give(py, function, capsule::SCALAR_FUNCTION)
    }
}

#[pyclass(frozen, module = "semql._semql")]
pub struct AggregateFunction(Arc<AggregateUDF>);

#[pymethods]
impl AggregateFunction {
    fn __datafusion_aggregate_udf__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        let function = FFI_AggregateUDF::from(Arc::clone(&self.0));
        capsule::give(py, function, capsule::AGGREGATE_FUNCTION)
    }
}

#[pyclass(frozen, module = "semql._semql")]
pub struct WindowFunction(Arc<WindowUDF>);

#[pymethods]
impl WindowFunction {
    fn __datafusion_window_udf__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let function = FFI_WindowUDF::from(Arc::clone(&self.0));
        capsule::give(py, function, capsule::WINDOW_FUNCTION)
    }
}
