//! Panics of the library on damaged tables, as errors.

use semql::{DeltaLocation, Result, ShellError, contained};

/// Waits for work of the library on a table. A panic is an error.
///
/// # Errors
/// Those of the work; a panic.
pub async fn contain<T>(
    location: &DeltaLocation,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    match contained(work).await {
        Some(done) => done,
        None => Err(ShellError::query(format!(
            "cannot read the table '{}': its log is damaged, or has content that the library of Delta Lake does \
             not expect",
            location.name
        ))),
    }
}
