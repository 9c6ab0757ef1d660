//! Long synchronous work inside an async runtime.

/// Runs long work on this thread. Other tasks of a multi-threaded runtime, such as
/// timers, move to other threads meanwhile.
pub(crate) fn blocking<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
