//! Errors of constraints, as errors of the engine.

use datafusion::error::DataFusionError;

use crate::error::{ErrorKind, ShellError};

/// Error of a row that a constraint refuses.
pub fn violation(kind: ErrorKind, message: impl Into<String>) -> DataFusionError {
    DataFusionError::External(Box::new(ShellError::of_kind(kind, message)))
}
