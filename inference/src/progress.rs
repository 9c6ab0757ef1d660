//! Progress: totals of all inference, and the steps of long tasks.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::cancellation::Cancellation;
use crate::sync::lock;

/// Receiver of the progress of a task, which can also cancel it. Also
/// implemented for `Fn() -> bool`, which returns whether to cancel.
pub trait ProgressSink: Sync {
    /// Whether the task is cancelled.
    fn is_cancelled(&self) -> bool;

    /// Step `current` of `total` starts; `label` names the task and its steps.
    fn step(&self, _label: &'static str, _current: usize, _total: usize) {}
}

impl<F: Fn() -> bool + Sync> ProgressSink for F {
    fn is_cancelled(&self) -> bool {
        self()
    }
}

/// Totals since the start of the runtime, and the current step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Distinct texts in the queue of the model.
    pub texts_queued: u64,
    pub texts_done: u64,
    /// Tokens without padding.
    pub tokens_done: u64,
    /// Computing time of the models, without waiting.
    pub model_time: Duration,
    /// Texts that were truncated to the limit of the model.
    pub truncated: u64,
    /// Texts on which the model failed; their result is NULL.
    pub failed: u64,
    /// Current step, while a task with steps runs.
    pub step: Option<Step>,
}

/// Step of a long task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Name of the task and of its steps.
    pub label: &'static str,
    pub current: u64,
    pub total: u64,
}

/// Counters of all inference of a runtime.
#[derive(Default)]
pub struct InferenceCounters {
    queued: AtomicU64,
    done: AtomicU64,
    tokens: AtomicU64,
    model_nanos: AtomicU64,
    truncated: AtomicU64,
    failed: AtomicU64,
    step: Mutex<Option<Step>>,
}

impl InferenceCounters {
    pub fn add_truncated(&self, texts: u64) {
        self.truncated.fetch_add(texts, Relaxed);
    }

    pub fn add_failed(&self, texts: u64) {
        self.failed.fetch_add(texts, Relaxed);
    }

    /// Adds `texts` to the queue of the model.
    pub fn enqueue(self: &Arc<Self>, texts: u64) -> QueuedTexts {
        self.queued.fetch_add(texts, Relaxed);
        QueuedTexts {
            counters: Arc::clone(self),
            waiting: AtomicU64::new(texts),
        }
    }

    pub fn progress(&self) -> Progress {
        Progress {
            texts_queued: self.queued.load(Relaxed),
            texts_done: self.done.load(Relaxed),
            tokens_done: self.tokens.load(Relaxed),
            model_time: Duration::from_nanos(self.model_nanos.load(Relaxed)),
            truncated: self.truncated.load(Relaxed),
            failed: self.failed.load(Relaxed),
            step: *lock(&self.step),
        }
    }
}

/// Texts of one request in the queue. Dropping it removes those that remain.
pub struct QueuedTexts {
    counters: Arc<InferenceCounters>,
    waiting: AtomicU64,
}

impl QueuedTexts {
    /// Moves `texts` with `tokens` tokens in total from the queue to the totals.
    pub fn complete(&self, texts: u64, tokens: u64, model_time: Duration) {
        self.waiting.fetch_sub(texts, Relaxed);
        self.counters.queued.fetch_sub(texts, Relaxed);
        self.counters.done.fetch_add(texts, Relaxed);
        self.counters.tokens.fetch_add(tokens, Relaxed);
        let nanos = u64::try_from(model_time.as_nanos()).unwrap_or(u64::MAX);
        self.counters.model_nanos.fetch_add(nanos, Relaxed);
    }
}

impl Drop for QueuedTexts {
    fn drop(&mut self) {
        let waiting = self.waiting.load(Relaxed);
        self.counters.queued.fetch_sub(waiting, Relaxed);
    }
}

/// Progress sink of one task. Dropping it clears the current step.
pub struct StepProgress<'a> {
    counters: &'a InferenceCounters,
    cancellation: Cancellation,
}

impl<'a> StepProgress<'a> {
    pub fn new(counters: &'a InferenceCounters, cancellation: Cancellation) -> Self {
        Self {
            counters,
            cancellation,
        }
    }
}

impl ProgressSink for StepProgress<'_> {
    fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    fn step(&self, label: &'static str, current: usize, total: usize) {
        *lock(&self.counters.step) = Some(Step {
            label,
            current: current as u64,
            total: total as u64,
        });
    }
}

impl Drop for StepProgress<'_> {
    fn drop(&mut self) {
        *lock(&self.counters.step) = None;
    }
}
