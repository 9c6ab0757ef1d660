//! Counters of inference, per operator or request.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counters of running requests.
#[derive(Debug, Default)]
pub struct Meter {
    distinct: AtomicU64,
    cached: AtomicU64,
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

/// Snapshot of a [`Meter`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeterReading {
    /// Texts, counted once for each request that has them.
    pub distinct: u64,
    /// Texts among these whose vectors came from a cache.
    pub cached: u64,
    /// Tokens of the model's batches, without padding.
    pub tokens: u64,
    /// Tokens of padding in the batches.
    pub padding: u64,
    /// Texts that were truncated at the model's limit.
    pub truncated: u64,
    /// Texts on which the model failed.
    pub failed: u64,
    pub batches: u64,
    /// Time in the model, without waits for it.
    pub model_time: Duration,
    /// Time in the tokenizer, over all threads.
    pub tokenizer_time: Duration,
    /// Rows whose labels a student predicted in place of the model.
    pub student_rows: u64,
    /// Rows that the student escalated to the model.
    pub escalated: u64,
    /// Wall-clock time of the student.
    pub student_time: Duration,
}

impl Meter {
    /// The current values.
    pub fn read(&self) -> MeterReading {
        MeterReading {
            distinct: self.distinct.load(Relaxed),
            cached: self.cached.load(Relaxed),
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

    /// Adds `distinct` texts, `cached` of which have a vector in a cache.
    pub(super) fn count_texts(&self, distinct: usize, cached: usize) {
        self.distinct.fetch_add(distinct as u64, Relaxed);
        self.cached.fetch_add(cached as u64, Relaxed);
    }

    /// Adds `elapsed` of the tokenizer, over all threads, and `truncated` texts.
    pub(super) fn count_tokenized(&self, truncated: u64, elapsed: Duration) {
        self.truncated.fetch_add(truncated, Relaxed);
        self.tokenizer_nanos
            .fetch_add(elapsed.as_nanos() as u64, Relaxed);
    }

    /// Adds `rows` rows, `certain` of which a student predicted in time `elapsed`.
    pub fn count_student(&self, certain: usize, rows: usize, elapsed: Duration) {
        self.student_rows.fetch_add(certain as u64, Relaxed);
        self.escalated.fetch_add((rows - certain) as u64, Relaxed);
        self.student_nanos
            .fetch_add(elapsed.as_nanos() as u64, Relaxed);
    }

    pub(super) fn count_failed(&self, texts: u64) {
        self.failed.fetch_add(texts, Relaxed);
    }

    /// Adds a batch of `tokens` tokens, `padded` with padding.
    pub(super) fn count_batch(&self, tokens: u64, padded: u64, elapsed: Duration) {
        self.batches.fetch_add(1, Relaxed);
        self.tokens.fetch_add(tokens, Relaxed);
        self.padding.fetch_add(padded - tokens, Relaxed);
        self.model_nanos
            .fetch_add(elapsed.as_nanos() as u64, Relaxed);
    }
}
