//! The runtime that requests run on.

use std::future::Future;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};

use semql_inference::cancellation::{CANCEL_CHECK_INTERVAL, Cancellation};
use semql_inference::{Error, Result};
use tokio::runtime::{Builder, Runtime};

/// Runs a future on the runtime of this crate, and waits for it on this thread, which may
/// belong to another runtime. Once `cancel` is cancelled, the future is dropped.
///
/// # Errors
/// [`Error::Interrupted`]; [`Error::Failed`] if the runtime cannot start.
pub fn run<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
    cancel: &Cancellation,
) -> Result<T> {
    let (sender, receiver) = channel();
    let task = runtime()?.spawn(async move {
        // The receiver is gone after a cancellation.
        let _ = sender.send(future.await);
    });
    loop {
        if cancel.is_cancelled() {
            task.abort();
            return Err(Error::Interrupted);
        }
        match receiver.recv_timeout(CANCEL_CHECK_INTERVAL) {
            Ok(result) => return Ok(result),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(Error::Failed(
                    "a request to a language model ended without an answer".to_string(),
                ));
            }
        }
    }
}

/// A runtime with one thread: requests wait for a network, and compute little.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<std::io::Result<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("language-models")
            .enable_all()
            .build()
    });
    runtime
        .as_ref()
        .map_err(|e| Error::Failed(format!("cannot start the client of language models: {e}")))
}
