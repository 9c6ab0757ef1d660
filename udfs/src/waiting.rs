//! Whether anybody waits for work that goes on in threads of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

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
