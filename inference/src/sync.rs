//! Locks of shared state.

use std::sync::{Mutex, MutexGuard};

/// Locks `mutex`, poisoned or not. The values behind the locks of this crate
/// are valid after each step of a change, so a panic leaves none half-changed.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}
