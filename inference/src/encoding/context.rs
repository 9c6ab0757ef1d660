//! Context of requests to an encoder.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::meter::Meter;
use crate::cache::VectorCache;
use crate::cancellation::Cancellation;
use crate::error::{Error, Result};
use crate::options::{InferenceOptions, OnError};
use crate::scheduler::BatchScheduler;

/// Batch size, caches, error policy, counters and cancellation of one or more
/// requests.
#[derive(Clone)]
pub struct EncodeContext {
    pub(super) scheduler: Arc<BatchScheduler>,
    /// Tokens of a batch; 0 means a number that suits the device.
    pub batch_tokens: usize,
    pub on_error: OnError,
    pub meter: Arc<Meter>,
    /// Caches in the order of the look-ups. New vectors are stored in all of them.
    pub caches: Vec<Arc<VectorCache>>,
    /// Token of this context alone.
    token: CancellationToken,
    cancellation: Cancellation,
}

impl EncodeContext {
    /// A context with `cache`. Requests end by [`cancel`](Self::cancel) or by an
    /// interrupt of the scheduler.
    pub(crate) fn new(
        scheduler: &Arc<BatchScheduler>,
        cache: Option<Arc<VectorCache>>,
        options: &InferenceOptions,
    ) -> Self {
        let token = CancellationToken::new();
        Self {
            scheduler: Arc::clone(scheduler),
            batch_tokens: options.batch_tokens,
            on_error: options.on_error,
            meter: Arc::default(),
            caches: cache.into_iter().collect(),
            cancellation: scheduler.cancellation(&token),
            token,
        }
    }

    /// The same context, also cancelled by `parent`.
    pub fn with_cancel(self, parent: &CancellationToken) -> Self {
        let token = parent.child_token();
        Self {
            cancellation: self.scheduler.cancellation(&token),
            token,
            ..self
        }
    }

    /// Ends every request of this context with [`Error::Interrupted`] before its
    /// next batch.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// The token that [`cancel`](Self::cancel) cancels.
    pub fn cancel_token(&self) -> &CancellationToken {
        &self.token
    }

    /// # Errors
    /// [`Error::Interrupted`] once the context is cancelled.
    pub(super) fn check(&self) -> Result<()> {
        self.cancellation.check()
    }

    /// Counts `texts` failed texts, or returns the error: `ai.on_error` decides.
    pub(super) fn handle_failure(&self, texts: u64, error: Error) -> Result<()> {
        match (self.on_error, error) {
            (OnError::Null, Error::Failed(_)) => {
                self.scheduler.counters().add_failed(texts);
                self.meter.count_failed(texts);
                Ok(())
            }
            (_, error) => Err(error),
        }
    }
}
