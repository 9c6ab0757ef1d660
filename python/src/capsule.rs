//! What goes through Python from one library to another, each under the name
//! that both know.

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

/// Puts a value into a capsule.
pub fn give<'py, T: Send + 'static>(
    py: Python<'py>,
    value: T,
    name: &'static CStr,
) -> PyResult<Bound<'py, PyCapsule>> {
    PyCapsule::new_with_value(py, value, name)
}

/// Where the value in a capsule of that name lies; it stays the capsule's.
///
/// # Errors
/// `TypeError` for anything but such a capsule.
pub fn look<T>(object: &Bound<'_, PyAny>, name: &'static CStr) -> PyResult<*mut T> {
    let wrong = |_| {
        PyTypeError::new_err(format!(
            "a capsule called {} is wanted, and this is {object}",
            name.to_string_lossy()
        ))
    };
    let capsule = object.cast::<PyCapsule>().map_err(|_| wrong(()))?;
    let pointer = capsule.pointer_checked(Some(name)).map_err(|_| wrong(()))?;
    Ok(pointer.cast().as_ptr())
}
