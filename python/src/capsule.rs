//! Capsules: pointers that Python passes from one library to another by name.

use std::ffi::CStr;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

pub const AGGREGATE_FUNCTION: &CStr = c"datafusion_aggregate_udf";
pub const ARROW_SCHEMA: &CStr = c"arrow_schema";
pub const ARROW_STREAM: &CStr = c"arrow_array_stream";
pub const EXTENSION_OPTIONS: &CStr = c"datafusion_extension_options";
pub const SCALAR_FUNCTION: &CStr = c"datafusion_scalar_udf";
pub const TASK_CONTEXT: &CStr = c"datafusion_task_context_provider";
pub const WINDOW_FUNCTION: &CStr = c"datafusion_window_udf";

/// Wraps a value in a capsule.
pub fn wrap<'py, T: Send + 'static>(
    py: Python<'py>,
    value: T,
    name: &'static CStr,
) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, value, name)
}

/// Pointer to the value of a capsule of that name, which keeps the ownership.
///
/// # Errors
/// `TypeError` for any other object.
pub fn pointer<T>(object: &Bound<'_, PyAny>, name: &'static CStr) -> PyResult<*mut T> {
    let type_error = || {
        PyTypeError::new_err(format!(
            "expected a capsule named {}, and got {object}",
            name.to_string_lossy()
        ))
    };
    let capsule = object.cast::<PyCapsule>().map_err(|_| type_error())?;
    let pointer = capsule
        .pointer_checked(Some(name))
        .map_err(|_| type_error())?;
    Ok(pointer.cast().as_ptr())
}
