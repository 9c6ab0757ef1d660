//! Signals: Ctrl-C and SIGTERM.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use semql_udfs::inference::sync::lock;
use tokio_util::sync::CancellationToken;

use crate::error::{ExitCode, ShellError};
use crate::exit::exit;

/// Time for a batch to clean up after Ctrl-C.
const EXIT_TIMEOUT: Duration = Duration::from_secs(3);

/// Ctrl-C as a cancellation token. A reset replaces a cancelled token.
pub struct Interrupts {
    token: Arc<Mutex<CancellationToken>>,
    presses: Arc<AtomicU64>,
}

impl Interrupts {
    /// Handles Ctrl-C from now on: it interrupts inference and cancels the token
    /// instead of ending the process. Without a prompt, the process exits after
    /// [`EXIT_TIMEOUT`]. Needs a running async runtime.
    pub fn listen(ai: Arc<semql_udfs::Runtime>, interactive: bool) -> Self {
        let token = Arc::new(Mutex::new(CancellationToken::new()));
        let presses = Arc::new(AtomicU64::new(0));
        let (count, current) = (Arc::clone(&presses), Arc::downgrade(&token));
        // Not in the task: the line editor restores the handler that it finds, so
        // this one must be installed first. Without it, Ctrl-C ends the process.
        let mut signal = InterruptSignal::install();
        tokio::spawn(async move {
            while signal.received().await {
                count.fetch_add(1, Ordering::Relaxed);
                ai.interrupt();
                let Some(token) = current.upgrade() else {
                    return;
                };
                lock(&token).cancel();
                if !interactive {
                    tokio::time::sleep(EXIT_TIMEOUT).await;
                    exit(ExitCode::Interrupted);
                }
            }
        });
        Self { token, presses }
    }

    /// Number of presses so far, for code that cannot wait.
    pub fn presses(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.presses)
    }

    /// Token that the next Ctrl-C cancels. It is cancelled already if Ctrl-C was
    /// pressed since the last reset.
    pub fn token(&self) -> CancellationToken {
        lock(&self.token).clone()
    }

    /// Ignores earlier presses: replaces a cancelled token.
    pub fn reset(&mut self) {
        let mut token = lock(&self.token);
        if token.is_cancelled() {
            *token = CancellationToken::new();
        }
    }

    /// Waits for Ctrl-C, and resets.
    pub async fn next(&mut self) -> ShellError {
        self.token().cancelled().await;
        self.reset();
        ShellError::interrupted()
    }
}

/// Requests to end the process: SIGTERM.
pub struct TerminationSignal(#[cfg(unix)] Option<tokio::signal::unix::Signal>);

impl TerminationSignal {
    /// Handles SIGTERM from now on, instead of ending the process.
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

/// Ctrl-C, as a signal of the operating system.
#[cfg(unix)]
struct InterruptSignal(Option<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl InterruptSignal {
    fn install() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self(signal(SignalKind::interrupt()).ok())
    }

    /// `false` if there is no handler.
    async fn received(&mut self) -> bool {
        match &mut self.0 {
            Some(signal) => signal.recv().await.is_some(),
            None => false,
        }
    }
}

#[cfg(not(unix))]
struct InterruptSignal;

#[cfg(not(unix))]
impl InterruptSignal {
    fn install() -> Self {
        Self
    }

    async fn received(&mut self) -> bool {
        tokio::signal::ctrl_c().await.is_ok()
    }
}
