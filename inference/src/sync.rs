//! Locks of shared state.

use std::sync::{Mutex, MutexGuard};

/// Locks `mutex`, poisoned or not. For values that are
/// valid after each step of a change, so that a panic leaves none half-changed.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
