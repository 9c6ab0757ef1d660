//! Conversion of the errors of the library to those of DataFusion.

use datafusion::error::DataFusionError;
pub use semql_inference::{Error, Result};

/// Converts an error for DataFusion: [`Error::Invalid`] becomes a planning
/// error, others [`DataFusionError::External`].
///
/// Both types are foreign to this crate, so `From` cannot be implemented.
pub(crate) fn to_datafusion(error: Error) -> DataFusionError {
    match error {
        Error::Invalid(message) => DataFusionError::Plan(message),
        other => DataFusionError::External(Box::new(other)),
    }
}

/// Whether the cause of `error` is a missing library, model or device rather than the
/// query.
pub fn is_setup_error(error: &DataFusionError) -> bool {
    matches!(find(error), Some(Error::Setup(_)))
}

/// The semql error in the chain of `error`.
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
        let error = to_datafusion(Error::Setup("no library".into()))
            .context("planning")
            .context("running");
        assert!(is_setup_error(&error));
        assert!(!is_setup_error(&DataFusionError::Plan("typo".into())));
    }

    #[test]
    fn a_forbidden_error_keeps_its_type_through_datafusion() {
        let forbidden = Error::Forbidden("downloads are not allowed".into());
        let error = to_datafusion(forbidden.clone()).context("planning");
        assert_eq!(find(&error), Some(&forbidden));
        assert!(!is_setup_error(&error));
    }
}
