//! Error of inference.

use std::fmt;

/// Error of inference, a model, a cache or a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The ONNX Runtime library, a model or a device is missing or unusable. The
    /// message has the searched location and the next step.
    Setup(String),
    /// An invalid request: a single label, an unknown taxonomy. The message has
    /// the correction.
    Invalid(String),
    /// Inference failed for reasons outside the query.
    Failed(String),
    /// The device of a model no longer computes anything.
    DeviceLost(String),
    /// The limits of the runtime do not allow the request. The message has the
    /// refused item and the next step.
    Forbidden(String),
    /// The request was cancelled: by a token, or by
    /// [`InferenceRuntime::interrupt`](crate::InferenceRuntime::interrupt).
    Interrupted,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Setup(message)
            | Error::Invalid(message)
            | Error::Failed(message)
            | Error::DeviceLost(message)
            | Error::Forbidden(message) => f.write_str(message),
            Error::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Error {}
