//! Counters of calls.

use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters of the calls of a run.
#[derive(Debug, Default)]
pub struct CallMeter {
    pub(crate) calls: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) prompt_tokens: AtomicU64,
    pub(crate) completion_tokens: AtomicU64,
    pub(crate) cached: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) dropped_values: AtomicU64,
    pub(crate) truncated: AtomicU64,
}

/// Values of the counters at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallReading {
    /// Requests, retries included.
    pub calls: u64,
    pub retries: u64,
    /// Tokens by the count of the server.
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// Rows whose answer was in the cache.
    pub cached: u64,
    /// Rows without an answer.
    pub failed: u64,
    /// Values that are in no text of their row.
    pub dropped_values: u64,
    /// Texts that were cut.
    pub truncated: u64,
}

impl CallMeter {
    /// The values now.
    pub fn read(&self) -> CallReading {
        CallReading {
            calls: self.calls.load(Relaxed),
            retries: self.retries.load(Relaxed),
            prompt_tokens: self.prompt_tokens.load(Relaxed),
            completion_tokens: self.completion_tokens.load(Relaxed),
            cached: self.cached.load(Relaxed),
            failed: self.failed.load(Relaxed),
            dropped_values: self.dropped_values.load(Relaxed),
            truncated: self.truncated.load(Relaxed),
        }
    }
}

impl Add for CallReading {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            retries: self.retries + other.retries,
            prompt_tokens: self.prompt_tokens + other.prompt_tokens,
            completion_tokens: self.completion_tokens + other.completion_tokens,
            cached: self.cached + other.cached,
            failed: self.failed + other.failed,
            dropped_values: self.dropped_values + other.dropped_values,
            truncated: self.truncated + other.truncated,
        }
    }
}
