//! Errors of the library as errors of the shell.

use datafusion::error::DataFusionError;
use semql::{DeltaLocation, ErrorKind, ShellError};

/// Error of the library on a table. `what` is what failed, such as `read`.
pub fn table_error(
    what: &str,
    location: &DeltaLocation,
    error: impl Into<DataFusionError>,
) -> ShellError {
    let error = ShellError::from(error.into());
    // The policy names the path and the option that allows it.
    if error.kind == ErrorKind::Forbidden || error.kind == ErrorKind::ReadOnly {
        return error;
    }
    // Errors of the library end with a backtrace where RUST_BACKTRACE asks for one.
    let reason = error.message.lines().next().unwrap_or_default();
    ShellError {
        message: format!("cannot {what} the table '{}': {reason}", location.name),
        ..error
    }
}

/// Error of the shell for the engine.
pub fn engine_error(error: ShellError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
