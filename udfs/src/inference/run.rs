//! What a request wants beside its texts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::Meter;
use super::cache::Cache;
use crate::error::{Error, Result};
use crate::options::{OnError, Settings};
use crate::runtime::Runtime;

/// The circumstances of one or more requests: limits, what to do about
/// failures, who may stop them and who counts.
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
    epoch: u64,
    cancelled: Arc<AtomicBool>,
}

impl Run {
    /// A run that looks vectors up where `ai.cache` says.
    ///
    /// # Errors
    /// [`Error::Setup`] for a cache that cannot be used.
    pub fn new(runtime: &Arc<Runtime>, settings: &Settings) -> Result<Self> {
        Ok(Self {
            runtime: Arc::clone(runtime),
            batch_tokens: settings.batch_tokens,
            on_error: settings.on_error,
            meter: Arc::default(),
            caches: runtime.cache(settings)?.into_iter().collect(),
            epoch: runtime.epoch(),
            cancelled: Arc::default(),
        })
    }

    /// Ends every request of this run with [`Error::Interrupted`] before its
    /// next batch.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    /// # Errors
    /// [`Error::Interrupted`] once somebody wants it to stop.
    pub(super) fn check(&self) -> Result<()> {
        if self.runtime.epoch() == self.epoch && !self.cancelled.load(Relaxed) {
            Ok(())
        } else {
            Err(Error::Interrupted)
        }
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
