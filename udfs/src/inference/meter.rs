//! What a piece of inference cost.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Counters that grow while requests run.
#[derive(Debug, Default)]
pub struct Meter {
    distinct: AtomicU64,
    recalled: AtomicU64,
    tokens: AtomicU64,
    padding: AtomicU64,
    truncated: AtomicU64,
    failed: AtomicU64,
    batches: AtomicU64,
    model_nanos: AtomicU64,
    tokenizer_nanos: AtomicU64,
    student_rows: AtomicU64,
    escalated: AtomicU64,
    student_nanos: AtomicU64,
}

/// What a [`Meter`] showed at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metered {
    /// Texts, equal ones counted once for each request they were in.
    pub distinct: u64,
    /// Of these, those whose vector was known already.
    pub recalled: u64,
    /// Tokens that went through the model.
    pub tokens: u64,
    /// Tokens of padding that went with them.
    pub padding: u64,
    /// Texts that were cut at the model's limit.
    pub truncated: u64,
    /// Texts on which the model failed.
    pub failed: u64,
    pub batches: u64,
    /// Time in the model, waiting for it not counted.
    pub model_time: Duration,
    /// Time in the tokenizer, over all threads.
    pub tokenizer_time: Duration,
    /// Rows that a student answered in place of the model.
    pub student_rows: u64,
    /// Rows that it left to the model.
    pub escalated: u64,
    /// Time that the student took, as a clock on the wall has it.
    pub student_time: Duration,
}

impl Meter {
    pub fn read(&self) -> Metered {
        Metered {
            distinct: self.distinct.load(Relaxed),
            recalled: self.recalled.load(Relaxed),
            tokens: self.tokens.load(Relaxed),
            padding: self.padding.load(Relaxed),
            truncated: self.truncated.load(Relaxed),
            failed: self.failed.load(Relaxed),
            batches: self.batches.load(Relaxed),
            model_time: Duration::from_nanos(self.model_nanos.load(Relaxed)),
            tokenizer_time: Duration::from_nanos(self.tokenizer_nanos.load(Relaxed)),
            student_rows: self.student_rows.load(Relaxed),
            escalated: self.escalated.load(Relaxed),
            student_time: Duration::from_nanos(self.student_nanos.load(Relaxed)),
        }
    }

    pub(super) fn asked(&self, distinct: usize, recalled: usize) {
        self.distinct.fetch_add(distinct as u64, Relaxed);
        self.recalled.fetch_add(recalled as u64, Relaxed);
    }

    pub(super) fn tokenized(&self, truncated: u64, since: Instant) {
        self.truncated.fetch_add(truncated, Relaxed);
        self.tokenizer_nanos
            .fetch_add(since.elapsed().as_nanos() as u64, Relaxed);
    }

    /// A student was sure of `sure` of `rows` rows.
    pub(crate) fn learnt(&self, sure: usize, rows: usize, took: Duration) {
        self.student_rows.fetch_add(sure as u64, Relaxed);
        self.escalated.fetch_add((rows - sure) as u64, Relaxed);
        self.student_nanos
            .fetch_add(took.as_nanos() as u64, Relaxed);
    }

    pub(super) fn failed(&self, texts: u64) {
        self.failed.fetch_add(texts, Relaxed);
    }

    /// One batch of `tokens` tokens in a rectangle of `padded`.
    pub(super) fn batch(&self, tokens: u64, padded: u64, took: Duration) {
        self.batches.fetch_add(1, Relaxed);
        self.tokens.fetch_add(tokens, Relaxed);
        self.padding.fetch_add(padded - tokens, Relaxed);
        self.model_nanos.fetch_add(took.as_nanos() as u64, Relaxed);
    }
}
