//! Ctrl-C.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::channel::mpsc::{UnboundedReceiver, unbounded};

use crate::error::{ExitCode, ShellError};

/// How long a batch may take to tidy up after Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(3);

/// Tells of every Ctrl-C since [`forget`](Self::forget).
pub struct Interrupts {
    pressed: UnboundedReceiver<()>,
    presses: Arc<AtomicU64>,
}

impl Interrupts {
    /// From now on Ctrl-C stops inference at once and is told here, instead of
    /// ending the process. Where nobody sits at a prompt, the process ends
    /// shortly afterwards in any case. Needs a running async runtime.
    pub fn listen(ai: Arc<semql_udfs::Runtime>, interactive: bool) -> Self {
        let (pressed_now, pressed) = unbounded();
        let presses = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&presses);
        // Now and not in the task: the line editor puts back the handler that
        // it finds, so ours must be there first. Without one, Ctrl-C ends the
        // process, which is all that is left to do then.
        let mut signal = Signal::install();
        tokio::spawn(async move {
            while signal.received().await {
                count.fetch_add(1, Ordering::Relaxed);
                ai.interrupt();
                if pressed_now.unbounded_send(()).is_err() {
                    return;
                }
                if !interactive {
                    tokio::time::sleep(PATIENCE).await;
                    std::process::exit(ExitCode::Interrupted as i32);
                }
            }
        });
        Self { pressed, presses }
    }

    /// How often it was pressed so far, for those that cannot wait.
    pub fn presses(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.presses)
    }

    /// What was pressed before now does not count.
    pub fn forget(&mut self) {
        while self.pressed.try_recv().is_ok() {}
    }

    /// Waits for the next Ctrl-C.
    pub async fn next(&mut self) -> ShellError {
        if self.pressed.next().await.is_none() {
            // Nobody listens any more; then nobody is told either.
            std::future::pending::<()>().await;
        }
        ShellError::interrupted()
    }
}

/// Requests that the process end in order: SIGTERM.
pub struct Terminate(#[cfg(unix)] Option<tokio::signal::unix::Signal>);

impl Terminate {
    /// From now on SIGTERM is received here instead of ending the process.
    pub fn listen() -> Self {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            Self(signal(SignalKind::terminate()).ok())
        }
        #[cfg(not(unix))]
        Self()
    }

    /// Waits for the next request.
    pub async fn received(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

/// The system's word that Ctrl-C was pressed.
#[cfg(unix)]
struct Signal(Option<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Signal {
    fn install() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self(signal(SignalKind::interrupt()).ok())
    }

    /// `false` where none will ever come.
    async fn received(&mut self) -> bool {
        match &mut self.0 {
            Some(signal) => signal.recv().await.is_some(),
            None => false,
        }
    }
}

#[cfg(not(unix))]
struct Signal;

#[cfg(not(unix))]
impl Signal {
    fn install() -> Self {
        Self
    }

    async fn received(&mut self) -> bool {
        tokio::signal::ctrl_c().await.is_ok()
    }
}
