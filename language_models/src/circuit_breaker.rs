//! Stops the requests to an endpoint that no longer answers.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Rows in a row without a connection, after which the others fail at once.
const MAX_UNREACHED_ROWS: u32 = 3;

/// Rows in a row without an answer, after which the others fail at once: this many, and
/// this many times the requests at a time. Single rows may be too much for a model, so
/// there are more of them.
const MAX_UNANSWERED_ROWS: u32 = 32;
const MAX_UNANSWERED_ROUNDS: u32 = 4;

/// Counters of rows that failed after all retries, one after the other.
#[derive(Debug)]
pub struct CircuitBreaker {
    unreached: AtomicU32,
    unanswered: AtomicU32,
    max_unanswered: u32,
}

impl CircuitBreaker {
    /// A closed breaker for this many requests at a time.
    pub fn new(concurrency: usize) -> Self {
        let concurrency = u32::try_from(concurrency).unwrap_or(u32::MAX);
        let rounds = concurrency.saturating_mul(MAX_UNANSWERED_ROUNDS);
        Self {
            unreached: AtomicU32::new(0),
            unanswered: AtomicU32::new(0),
            max_unanswered: rounds.max(MAX_UNANSWERED_ROWS),
        }
    }

    /// Whether the other rows fail without a request.
    pub fn is_open(&self) -> bool {
        self.unreached.load(Relaxed) >= MAX_UNREACHED_ROWS
            || self.unanswered.load(Relaxed) >= self.max_unanswered
    }

    /// Records a row without a connection.
    pub fn record_unreached(&self) {
        self.unreached.fetch_add(1, Relaxed);
    }

    /// Records a row whose requests all failed.
    pub fn record_unanswered(&self) {
        self.unanswered.fetch_add(1, Relaxed);
    }

    /// Records a response of any kind.
    pub fn record_response(&self) {
        self.unreached.store(0, Relaxed);
    }

    /// Records an answer of the model.
    pub fn record_answer(&self) {
        self.unanswered.store(0, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_open_a_breaker() {
        let breaker = CircuitBreaker::new(1);
        for _ in 0..MAX_UNREACHED_ROWS - 1 {
            breaker.record_unreached();
        }
        breaker.record_response();
        breaker.record_unreached();
        assert!(!breaker.is_open());
        for _ in 0..MAX_UNANSWERED_ROWS - 1 {
            breaker.record_unanswered();
        }
        assert!(!breaker.is_open());
        breaker.record_answer();
        breaker.record_unanswered();
        assert!(!breaker.is_open());
        for _ in 1..MAX_UNANSWERED_ROWS {
            breaker.record_unanswered();
        }
        assert!(breaker.is_open());
    }

    #[test]
    fn each_request_at_a_time_may_fail_some_rows() {
        let breaker = CircuitBreaker::new(64);
        for _ in 0..4 * 64 - 1 {
            breaker.record_unanswered();
        }
        assert!(!breaker.is_open());
        breaker.record_unanswered();
        assert!(breaker.is_open());
    }
}
