//! Shared state of inference: models, caches, counters, notices.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cache::CacheRegistry;
use crate::cancellation::Cancellation;
use crate::encoding::{EncodeContext, Encoder, MeterReading, Throughput};
use crate::error::Result;
use crate::notices::Notices;
use crate::options::{InferenceOptions, ModelOptions};
use crate::progress::{InferenceCounters, Progress, StepProgress};
use crate::registry::ModelRegistry;
use crate::scheduler::BatchScheduler;

/// Shared state of the requests of a process.
#[derive(Default)]
pub struct InferenceRuntime {
    pub models: ModelRegistry,
    pub caches: CacheRegistry,
    pub notices: Notices,
    scheduler: Arc<BatchScheduler>,
}

impl fmt::Debug for InferenceRuntime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InferenceRuntime")
            .field("progress", &self.progress())
            .finish_non_exhaustive()
    }
}

impl InferenceRuntime {
    /// Ends every running request with [`Error::Interrupted`] after its current
    /// batch.
    ///
    /// [`Error::Interrupted`]: crate::Error::Interrupted
    pub fn interrupt(&self) {
        self.scheduler.interrupt();
    }

    /// Cancellation of work that starts now, by `token` or by
    /// [`interrupt`](Self::interrupt).
    pub fn cancellation(&self, token: &CancellationToken) -> Cancellation {
        self.scheduler.cancellation(token)
    }

    pub fn counters(&self) -> &Arc<InferenceCounters> {
        self.scheduler.counters()
    }

    /// Totals of all inference, and the current step of long work.
    pub fn progress(&self) -> Progress {
        self.scheduler.progress()
    }

    /// Removes and returns the notices of inference and of the caches.
    pub fn take_notices(&self) -> Vec<String> {
        let mut notices = self.notices.take();
        notices.extend(self.caches.take_warnings());
        notices
    }

    /// Throughput of the model in its last long enough query on this machine.
    pub fn throughput(&self, options: &ModelOptions) -> Option<Throughput> {
        Throughput::load(&options.speed_key())
    }

    /// Stores the throughput of the model for the estimates of later processes.
    pub fn store_throughput(&self, options: &ModelOptions, reading: &MeterReading) {
        if let Some(throughput) = Throughput::of(reading) {
            throughput.store(&options.speed_key());
        }
    }

    /// Context of requests with `options`, with the cache that they select.
    ///
    /// # Errors
    /// [`Error::Setup`] for a cache that cannot be used.
    ///
    /// [`Error::Setup`]: crate::Error::Setup
    pub fn encode_context(&self, options: &InferenceOptions) -> Result<EncodeContext> {
        let cache = self.caches.get(&options.cache, options.cache_size)?;
        Ok(EncodeContext::new(&self.scheduler, cache, options))
    }
}

/// A runtime with the options and the cancellation token of one caller.
#[derive(Clone, Debug)]
pub struct InferenceContext {
    pub runtime: Arc<InferenceRuntime>,
    pub options: InferenceOptions,
    pub cancel: CancellationToken,
}

impl InferenceContext {
    /// The same context with another model.
    pub fn with_model(&self, model: &str) -> Self {
        let mut context = self.clone();
        context.options.model.model = model.to_string();
        context
    }

    /// Cancellation of work that starts now.
    pub fn cancellation(&self) -> Cancellation {
        self.runtime.cancellation(&self.cancel)
    }

    /// Progress and cancellation of work that starts now.
    pub fn step_progress(&self) -> StepProgress<'_> {
        StepProgress::new(self.runtime.counters(), self.cancellation())
    }

    /// The model of the options, loaded.
    ///
    /// # Errors
    /// Those of [`ModelRegistry::encoder`].
    pub fn encoder(&self) -> Result<Arc<Encoder>> {
        let models = &self.runtime.models;
        models.encoder(&self.options.model, &self.cancellation())
    }

    /// Context of requests with the options, cancelled by the token.
    ///
    /// # Errors
    /// Those of [`InferenceRuntime::encode_context`].
    pub fn encode_context(&self) -> Result<EncodeContext> {
        let context = self.runtime.encode_context(&self.options)?;
        Ok(context.with_cancel(&self.cancel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn an_interrupt_cancels_running_work_only() {
        let runtime = InferenceRuntime::default();
        let before = runtime.cancellation(&CancellationToken::new());
        assert_eq!(before.check(), Ok(()));
        runtime.interrupt();
        assert_eq!(before.check(), Err(Error::Interrupted));
        let after = runtime.cancellation(&CancellationToken::new());
        assert_eq!(after.check(), Ok(()));
    }
}
