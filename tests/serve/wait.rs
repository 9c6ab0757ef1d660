//! Waits with a deadline.

use std::time::{Duration, Instant};

/// Longest wait for a state.
const STATE_TIMEOUT: Duration = Duration::from_secs(20);

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `ready` is true.
///
/// # Panics
/// If it is not true within [`STATE_TIMEOUT`]; the message names `what`.
pub fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + STATE_TIMEOUT;
    while !ready() {
        assert!(
            Instant::now() < deadline,
            "not within {STATE_TIMEOUT:?}: {what}"
        );
        std::thread::sleep(POLL_INTERVAL);
    }
}
