//! What can go wrong in semql, and whose move it is.

use std::fmt;

use datafusion::error::DataFusionError;

/// An error of the AI functions, carried through DataFusion as
/// [`DataFusionError::External`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The machine lacks something: the ONNX Runtime library, a model, a
    /// device. The message names what was looked for, where, and what to do.
    Setup(String),
    /// The query asks for something that makes no sense: one label, an unknown
    /// taxonomy. The message says what to write instead.
    Invalid(String),
    /// Inference itself failed for reasons outside the query.
    Failed(String),
    /// The limits of the runtime do not allow it. The message says what was
    /// refused and who may change it.
    Forbidden(String),
    /// The token of the options, [`AiOptions::cancel`](crate::AiOptions::cancel),
    /// was cancelled, or [`Runtime::interrupt`](crate::Runtime::interrupt) was
    /// called.
    Interrupted,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Setup(message)
            | Error::Invalid(message)
            | Error::Failed(message)
            | Error::Forbidden(message) => f.write_str(message),
            Error::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(message) => DataFusionError::Plan(message),
            other => DataFusionError::External(Box::new(other)),
        }
    }
}

/// Whether `error` was caused by something that is missing on this machine
/// (library, model, device) rather than by the query.
pub fn is_setup_error(error: &DataFusionError) -> bool {
    matches!(find(error), Some(Error::Setup(_)))
}

/// The semql error at the root of `error`, through every layer of context.
pub fn find(error: &DataFusionError) -> Option<&Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = next {
        if let Some(found) = current.downcast_ref::<Error>() {
            return Some(found);
        }
        next = match current.downcast_ref::<DataFusionError>() {
            Some(DataFusionError::External(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Shared(inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Context(_, inner)) => Some(inner.as_ref()),
            Some(DataFusionError::Diagnostic(_, inner)) => Some(inner.as_ref()),
            _ => current.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_error_is_found_through_layers_of_context() {
        let error = DataFusionError::from(Error::Setup("no library".into()))
            .context("planning")
            .context("running");
        assert!(is_setup_error(&error));
        assert!(!is_setup_error(&DataFusionError::Plan("typo".into())));
    }

    #[test]
    fn a_forbidden_error_keeps_its_type_through_datafusion() {
        let forbidden = Error::Forbidden("downloads are not allowed".into());
        let error = DataFusionError::from(forbidden.clone()).context("planning");
        assert_eq!(find(&error), Some(&forbidden));
        assert!(!is_setup_error(&error));
    }
}
