//! Errors of stores, from and to errors of the shell.

use object_store::Error;

use crate::error::{ErrorKind, ShellError, find_cause};

/// Name of the stores of this program in errors.
const STORE: &str = "web";

/// Store error for a request that cannot be answered.
pub fn query_error(message: String) -> Error {
    store_error(ShellError::query(message))
}

/// Store error with a cause in the machine or its network.
pub fn setup_error(message: String) -> Error {
    store_error(ShellError::setup(message))
}

/// Store error that carries an error of the shell.
pub fn store_error(error: ShellError) -> Error {
    Error::Generic {
        store: STORE,
        source: Box::new(error),
    }
}

/// Store error for writing to a read-only store; `what` names such stores.
pub fn read_only_error(what: &str) -> Error {
    Error::NotSupported {
        source: format!("{what} can only be read; write to a path or to s3://").into(),
    }
}

/// Error of the shell for a store that cannot read `location`.
pub fn read_error(location: &str, error: &Error) -> ShellError {
    // The stores of this program and the policy attach an error of the shell.
    if let Some(cause) = find_cause::<ShellError>(error) {
        return ShellError {
            message: match cause.kind {
                ErrorKind::Forbidden => cause.message.clone(),
                _ => format!("cannot read '{location}': {}", cause.message),
            },
            code: cause.code,
            ..ShellError::of_kind(cause.kind, "")
        };
    }
    ShellError::query(match error {
        Error::NotFound { .. } => format!("there is no file '{location}'"),
        Error::Unauthenticated { .. } | Error::PermissionDenied { .. } => {
            format!(
                "not allowed to read '{location}': check that it exists and the credentials for it"
            )
        }
        other => format!("cannot read '{location}': {other}"),
    })
}
