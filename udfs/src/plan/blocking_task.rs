//! Blocking work of a stream.

use datafusion::common::Result;
use datafusion::common::runtime::SpawnedTask;

use crate::error::{Error, to_datafusion};

/// Runs `work` on a thread for blocking work, so that other tasks continue.
///
/// # Errors
/// Those of `work`; [`Error::Interrupted`] if the runtime shuts down.
pub async fn run_blocking_task<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match SpawnedTask::spawn_blocking(work).join().await {
        Ok(result) => result,
        Err(stopped) => match stopped.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(to_datafusion(Error::Interrupted)),
        },
    }
}
