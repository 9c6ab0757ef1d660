//! Functions as objects that the package `datafusion` registers.

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

use crate::settings::value_error;
use crate::{capsule, scalar_adapter, settings};

/// Runtime of all sessions with registered functions, so that each model is loaded
/// once.
static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| Arc::new(Runtime::new()));

/// Scalar, aggregate and window functions.
type Functions = (
    Vec<ScalarFunction>,
    Vec<AggregateFunction>,
    Vec<WindowFunction>,
);

/// Functions with the given settings, changed by those of the session whose task
/// context `session` provides.
#[pyfunction]
pub fn functions(given: Vec<(String, String)>, session: &Bound<'_, PyAny>) -> PyResult<Functions> {
    let options = settings::options(Arc::clone(&RUNTIME), &given).map_err(value_error)?;
    let provider: *mut FFI_TaskContextProvider = capsule::pointer(session, capsule::TASK_CONTEXT)?;
    // SAFETY: the name of the capsule defines the type of its value, and Python
    // has checked the version of datafusion. The capsule outlives this call.
    let provider = unsafe { &*provider };
    let context = Arc::<TaskContext>::try_from(provider).map_err(value_error)?;
    let config = context.session_config().options();
    // Invalid settings fail here, before the first call.
    let current =
        settings::with_session_changes(config, &options).map_err(PyValueError::new_err)?;
    let scalar = scalar_adapter::functions(&options).into_iter();
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

/// Stops running inference in all sessions with registered functions after its
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
        capsule::wrap(py, function, capsule::SCALAR_FUNCTION)
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
        capsule::wrap(py, function, capsule::AGGREGATE_FUNCTION)
    }
}

#[pyclass(frozen, module = "semql._semql")]
pub struct WindowFunction(Arc<WindowUDF>);

#[pymethods]
impl WindowFunction {
    fn __datafusion_window_udf__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyCapsule>> {
        let function = FFI_WindowUDF::from(Arc::clone(&self.0));
        capsule::wrap(py, function, capsule::WINDOW_FUNCTION)
    }
}
