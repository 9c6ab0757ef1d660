//! How far work is: totals of all inference, and the steps of long work.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::waiting::{Cancellation, Watch};

/// Totals since the runtime began, and what goes on now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Distinct texts that wait for the model now.
    pub texts_queued: u64,
    pub texts_done: u64,
    /// Tokens without padding.
    pub tokens_done: u64,
    /// Time that models have computed, waiting for them not counted.
    pub model_time: Duration,
    /// Texts that were cut at the model's limit.
    pub truncated: u64,
    /// Texts on which the model failed and whose answer is NULL.
    pub failed: u64,
    /// Where work in steps is, if there is such work now.
    pub step: Option<Step>,
}

/// How far work is that takes many steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The work, and what its steps are called.
    pub what: &'static str,
    pub at: u64,
    pub of: u64,
}

/// What is counted while work goes on.
#[derive(Default)]
pub(crate) struct Counters {
    queued: AtomicU64,
    done: AtomicU64,
    tokens: AtomicU64,
    model_nanos: AtomicU64,
    truncated: AtomicU64,
    failed: AtomicU64,
    step: Mutex<Option<Step>>,
}

impl Counters {
    pub(crate) fn truncated(&self, texts: u64) {
        self.truncated.fetch_add(texts, Relaxed);
    }

    pub(crate) fn failed(&self, texts: u64) {
        self.failed.fetch_add(texts, Relaxed);
    }

    /// Counts `texts` as waiting for the model.
    pub(crate) fn queue(self: &Arc<Self>, texts: u64) -> Queued {
        self.queued.fetch_add(texts, Relaxed);
        Queued {
            counters: Arc::clone(self),
            waiting: AtomicU64::new(texts),
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress {
            texts_queued: self.queued.load(Relaxed),
            texts_done: self.done.load(Relaxed),
            tokens_done: self.tokens.load(Relaxed),
            model_time: Duration::from_nanos(self.model_nanos.load(Relaxed)),
            truncated: self.truncated.load(Relaxed),
            failed: self.failed.load(Relaxed),
            step: *self.step(),
        }
    }

    fn step(&self) -> MutexGuard<'_, Option<Step>> {
        self.step.lock().unwrap_or_else(|dead| dead.into_inner())
    }
}

/// A request's texts in the queue; those that are not done when the request
/// ends are taken out.
pub(crate) struct Queued {
    counters: Arc<Counters>,
    waiting: AtomicU64,
}

impl Queued {
    /// `texts` went through the model, with `tokens` tokens in all.
    pub(crate) fn done(&self, texts: u64, tokens: u64, model_time: Duration) {
        self.waiting.fetch_sub(texts, Relaxed);
        self.counters.queued.fetch_sub(texts, Relaxed);
        self.counters.done.fetch_add(texts, Relaxed);
        self.counters.tokens.fetch_add(tokens, Relaxed);
        let nanos = u64::try_from(model_time.as_nanos()).unwrap_or(u64::MAX);
        self.counters.model_nanos.fetch_add(nanos, Relaxed);
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let waiting = self.waiting.load(Relaxed);
        self.counters.queued.fetch_sub(waiting, Relaxed);
    }
}

/// Progress and cancellation of work in steps.
pub(crate) struct Watched<'a> {
    counters: &'a Counters,
    cancellation: Cancellation,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(counters: &'a Counters, cancellation: Cancellation) -> Self {
        Self {
            counters,
            cancellation,
        }
    }
}

impl Watch for Watched<'_> {
    fn halted(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    fn step(&self, what: &'static str, at: usize, of: usize) {
        let (at, of) = (at as u64, of as u64);
        *self.counters.step() = Some(Step { what, at, of });
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        *self.counters.step() = None;
    }
}
