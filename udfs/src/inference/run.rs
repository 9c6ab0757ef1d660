//! What a request wants beside its texts.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Meter;
use super::cache::Cache;
use crate::error::{Error, Result};
use crate::options::{OnError, Settings};
use crate::runtime::Runtime;
use crate::waiting::Cancellation;

/// The circumstances of one or more requests: limits, failures, cancellation
/// and counters.
#[derive(Clone)]
pub struct Run {
    pub runtime: Arc<Runtime>,
    /// Padded tokens in one batch; 0 is what suits the device.
    pub batch_tokens: usize,
    pub on_error: OnError,
    pub meter: Arc<Meter>,
    /// Where vectors are looked up before the model is asked, in this order,
    /// and where they are kept.
    pub caches: Vec<Arc<Cache>>,
    /// Of this run alone.
    token: CancellationToken,
    cancellation: Cancellation,
}

impl Run {
    /// A run that looks vectors up where `ai.cache` says. It ends by
    /// [`cancel`](Self::cancel) or [`Runtime::interrupt`].
    ///
    /// # Errors
    /// [`Error::Setup`] for a cache that cannot be used.
    pub fn new(runtime: &Arc<Runtime>, settings: &Settings) -> Result<Self> {
        let token = CancellationToken::new();
        Ok(Self {
            runtime: Arc::clone(runtime),
            batch_tokens: settings.batch_tokens,
            on_error: settings.on_error,
            meter: Arc::default(),
            caches: runtime.cache(settings)?.into_iter().collect(),
            cancellation: runtime.cancellation(&token),
            token,
        })
    }

    /// The same run, which also ends once `parent` is cancelled.
    pub fn with_cancel(self, parent: &CancellationToken) -> Self {
        let token = parent.child_token();
        Self {
            cancellation: self.runtime.cancellation(&token),
            token,
            ..self
        }
    }

    /// Ends every request of this run with [`Error::Interrupted`] before its
    /// next batch.
    pub fn cancel(&self) {
        self.token.cancel();
    }

    /// The token that [`cancel`](Self::cancel) cancels.
    pub fn cancel_token(&self) -> &CancellationToken {
        &self.token
    }

    /// # Errors
    /// [`Error::Interrupted`] once the run is cancelled.
    pub(super) fn check(&self) -> Result<()> {
        self.cancellation.check()
    }

    /// What becomes of `texts` texts on which the model fails.
    pub(super) fn fails(&self, texts: u64, error: Error) -> Result<()> {
        match (self.on_error, error) {
            (OnError::Null, Error::Failed(_)) => {
                self.runtime.counters().failed(texts);
                self.meter.failed(texts);
                Ok(())
            }
            (_, error) => Err(error),
        }
    }
}
