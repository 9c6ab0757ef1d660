//! Whether anybody waits for long work, and how far it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whoever waits for work that takes long. A closure that says whether nobody
/// does any more is one.
pub trait Watch: Sync {
    /// Whether nobody waits any more.
    fn halted(&self) -> bool;

    /// The work comes to step `at` of `of`; `what` names the work and the step.
    fn step(&self, _what: &'static str, _at: usize, _of: usize) {}
}

impl<F: Fn() -> bool + Sync> Watch for F {
    fn halted(&self) -> bool {
        self()
    }
}

/// Held by who waits; the work ends some time after it is dropped.
#[derive(Debug, Default)]
pub struct Waiting(Stopped);

/// Tells the work that nobody waits any more.
#[derive(Clone, Debug, Default)]
pub struct Stopped(Arc<AtomicBool>);

impl Waiting {
    pub fn stopped(&self) -> Stopped {
        self.0.clone()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.store(true, Relaxed);
    }
}

impl Stopped {
    pub fn now(&self) -> bool {
        self.0.load(Relaxed)
    }
}
