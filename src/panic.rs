//! Reports of panics, and futures that contain them.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::Write;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::task::Poll;

use crate::error::ExitCode;
use crate::exit::exit;

/// Installs a panic hook that writes one line to standard error. A panic of the
/// main thread exits with [`ExitCode::Query`].
pub fn install() {
    std::panic::set_hook(Box::new(|info| {
        if CONTAINED.get() {
            return;
        }
        let message = message(info);
        // A closed pipe, such as that of `| head`, is not a defect.
        if message.contains("Broken pipe") {
            exit(ExitCode::Success);
        }
        let location = info
            .location()
            .map(|location| format!(" ({}:{})", location.file(), location.line()))
            .unwrap_or_default();
        let _ = writeln!(
            std::io::stderr(),
            "internal error: {message}{location}; please report this with the statement that caused it"
        );
        if std::thread::current().name() == Some("main") {
            exit(ExitCode::Query);
        }
    }));
}

thread_local! {
    /// Whether panics of this thread are expected and not reported.
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Waits for a future whose panics are expected and not reported, such as a
/// decoder of untrusted bytes; `None` if it panicked.
pub async fn contained<F: Future>(future: F) -> Option<F::Output> {
    caught(future, true).await
}

/// Waits for a future whose panics are reported defects; `None` if it panicked.
pub async fn reported<F: Future>(future: F) -> Option<F::Output> {
    caught(future, false).await
}

async fn caught<F: Future>(future: F, silent: bool) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    poll_fn(|context| {
        let before = CONTAINED.replace(silent);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        CONTAINED.set(before);
        match polled {
            Ok(polled) => polled.map(Some),
            Err(_) => Poll::Ready(None),
        }
    })
    .await
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_string())
        .replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_contained_panic_ends_its_future_alone() {
        assert_eq!(contained(async { 1 }).await, Some(1));
        let panicking = contained(async {
            tokio::task::yield_now().await;
            let bytes: &[u8] = &[];
            bytes[0]
        });
        assert_eq!(panicking.await, None);
        assert!(!CONTAINED.get());
    }
}
