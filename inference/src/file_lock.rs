//! Locks of files that other processes hold for a short time.

use std::fs::TryLockError;
use std::io;
use std::time::{Duration, Instant};

/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// Repeats `attempt` until it succeeds or fails; `false` after `timeout`.
///
/// # Errors
/// Those of `attempt`.
pub fn try_acquire(
    timeout: Duration,
    mut attempt: impl FnMut() -> Result<(), TryLockError>,
) -> io::Result<bool> {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if start.elapsed() > timeout => return Ok(false),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
        }
    }
}
