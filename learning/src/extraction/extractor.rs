//! The contract of an extractor.

use std::fmt;

use semql_inference::Result;

use super::span::{SourceTexts, Span};

/// Finds the values of attributes in texts.
///
/// The answer for a row depends on the row alone.
pub trait Extractor: fmt::Debug + Send + Sync {
    /// Names of the attributes, distinct.
    fn attributes(&self) -> &[String];

    /// Names of the text columns in the order of the texts; empty if any number of texts
    /// is valid.
    fn columns(&self) -> &[String];

    /// The spans of each row, ordered by attribute, column and start. Spans of one
    /// attribute do not overlap within a text.
    ///
    /// # Errors
    /// [`Error::Interrupted`](semql_inference::Error::Interrupted) once `is_cancelled`
    /// returns true; it is asked at least once every few hundred rows.
    fn extract(
        &self,
        rows: &[SourceTexts<'_>],
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Vec<Span>>>;
}
