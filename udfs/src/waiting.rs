//! Cancellation of long work, and how far it is.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, Result};

/// How often work that is blocked on a lock checks whether it is cancelled.
pub(crate) const CANCEL_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Receiver of the progress of long work, which can also end it. Also
/// implemented for `Fn() -> bool`, which returns whether to end.
pub trait Watch: Sync {
    /// Whether the work is to end.
    fn halted(&self) -> bool;

    /// The work comes to step `at` of `of`; `what` names the work and the step.
    fn step(&self, _what: &'static str, _at: usize, _of: usize) {}
}

impl<F: Fn() -> bool + Sync> Watch for F {
    fn halted(&self) -> bool {
        self()
    }
}

/// Cancellation of one piece of work: by the token of its options, or by
/// [`Runtime::interrupt`](crate::Runtime::interrupt).
#[derive(Clone, Debug)]
pub(crate) struct Cancellation {
    options: CancellationToken,
    runtime: CancellationToken,
}

impl Cancellation {
    /// Work that ends once either token is cancelled.
    pub(crate) fn new(options: &CancellationToken, runtime: &CancellationToken) -> Self {
        Self {
            options: options.clone(),
            runtime: runtime.clone(),
        }
    }

    pub(crate) fn is_cancelled(&self) -> bool {
        self.options.is_cancelled() || self.runtime.is_cancelled()
    }

    /// # Errors
    /// [`Error::Interrupted`] once the work is cancelled.
    pub(crate) fn check(&self) -> Result<()> {
        match self.is_cancelled() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    /// The output of `future`, which is dropped once the work is cancelled.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once the work is cancelled.
    pub(crate) async fn run<F: Future>(&self, future: F) -> Result<F::Output> {
        let either = self
            .runtime
            .run_until_cancelled(self.options.run_until_cancelled(future));
        either.await.flatten().ok_or(Error::Interrupted)
    }

    /// Locks `mutex`, and stops waiting for it once the work is cancelled.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once the work is cancelled.
    pub(crate) fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> Result<MutexGuard<'a, T>> {
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
