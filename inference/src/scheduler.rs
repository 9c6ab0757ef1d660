//! Order, counters and interruption of the model batches of a process.

use std::sync::{Arc, Mutex};

use parking_lot::{FairMutex, FairMutexGuard};
use tokio_util::sync::CancellationToken;

use crate::cancellation::Cancellation;
use crate::progress::{InferenceCounters, Progress, QueuedTexts};
use crate::sync::lock;

/// Scheduler of the batches of all requests: one batch runs at a time.
#[derive(Default)]
pub(crate) struct BatchScheduler {
    counters: Arc<InferenceCounters>,
    /// Cancelled and replaced by [`interrupt`](Self::interrupt).
    interrupt: Mutex<CancellationToken>,
    /// Granted in the order of the requests.
    turn: FairMutex<()>,
}

impl BatchScheduler {
    /// Cancels all work that has started.
    pub fn interrupt(&self) {
        let interrupted = std::mem::take(&mut *lock(&self.interrupt));
        interrupted.cancel();
    }

    /// Cancellation of work that starts now, by `token` or by
    /// [`interrupt`](Self::interrupt).
    pub fn cancellation(&self, token: &CancellationToken) -> Cancellation {
        Cancellation::new(token, &lock(&self.interrupt))
    }

    pub fn counters(&self) -> &Arc<InferenceCounters> {
        &self.counters
    }

    /// Counts `texts` as queued for the model.
    pub fn enqueue(&self, texts: u64) -> QueuedTexts {
        self.counters.enqueue(texts)
    }

    /// Totals of all inference, and the current step of long work.
    pub fn progress(&self) -> Progress {
        self.counters.progress()
    }

    /// Permission to run one batch: queries share the cores batch by batch.
    pub fn turn(&self) -> FairMutexGuard<'_, ()> {
        self.turn.lock()
    }
}
