//! Cancellation of long work.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// Interval at which work that waits for a lock checks for cancellation.
pub const CANCEL_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Cancellation of one task: by the token of its request, or by
/// [`InferenceRuntime::interrupt`](crate::InferenceRuntime::interrupt).
#[derive(Clone, Debug)]
pub struct Cancellation {
    request: CancellationToken,
    runtime: CancellationToken,
}

impl Cancellation {
    /// Cancellation by either token.
    pub fn new(request: &CancellationToken, runtime: &CancellationToken) -> Self {
        Self {
            request: request.clone(),
            runtime: runtime.clone(),
        }
    }

    /// Cancellation of a task that is never cancelled.
    pub fn never() -> Self {
        Self::new(&CancellationToken::new(), &CancellationToken::new())
    }

    pub fn is_cancelled(&self) -> bool {
        self.request.is_cancelled() || self.runtime.is_cancelled()
    }

    /// Returns an error once the task is cancelled.
    ///
    /// # Errors
    /// [`Error::Interrupted`].
    pub fn check(&self) -> Result<()> {
        match self.is_cancelled() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    /// Runs `future`, and drops it once the task is cancelled.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once the task is cancelled.
    pub async fn run<F: Future>(&self, future: F) -> Result<F::Output> {
        let either = self
            .runtime
            .run_until_cancelled(self.request.run_until_cancelled(future));
        either.await.flatten().ok_or(Error::Interrupted)
    }

    /// Locks `mutex`, and stops waiting once the task is cancelled.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once the task is cancelled.
    pub fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> Result<MutexGuard<'a, T>> {
        loop {
            self.check()?;
            if let Some(guard) = mutex.try_lock_for(CANCEL_CHECK_INTERVAL) {
                return Ok(guard);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_token_cancels() {
        for runtime_is_interrupted in [false, true] {
            let (options, runtime) = (CancellationToken::new(), CancellationToken::new());
            let cancellation = Cancellation::new(&options, &runtime);
            assert_eq!(cancellation.check(), Ok(()));
            match runtime_is_interrupted {
                true => runtime.cancel(),
                false => options.cancel(),
            }
            assert_eq!(cancellation.check(), Err(Error::Interrupted));
        }
    }

    #[test]
    fn a_cancelled_wait_for_a_lock_ends() {
        let (options, runtime) = (CancellationToken::new(), CancellationToken::new());
        let cancellation = Cancellation::new(&options, &runtime);
        let mutex = Mutex::new(());
        let held = mutex.lock();
        let error = std::thread::scope(|scope| {
            let waiting = scope.spawn(|| cancellation.lock(&mutex).err());
            options.cancel();
            waiting.join()
        });
        assert!(matches!(error, Ok(Some(Error::Interrupted))));
        drop(held);
    }

    #[tokio::test]
    async fn a_cancelled_future_is_dropped() {
        let (options, runtime) = (CancellationToken::new(), CancellationToken::new());
        let cancellation = Cancellation::new(&options, &runtime);
        assert_eq!(cancellation.run(async { 1 }).await, Ok(1));
        options.cancel();
        let forever = std::future::pending::<()>();
        assert_eq!(cancellation.run(forever).await, Err(Error::Interrupted));
    }
}
