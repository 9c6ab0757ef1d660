//! Cancellation of statements: by their client, which sends a request with the
//! secret on a separate connection; by a timeout; by the end of the server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pgwire::api::cancel::CancelHandler;
use pgwire::error::PgWireError;
use pgwire::messages::cancel::CancelRequest;
use pgwire::messages::startup::SecretKey;
use tokio::sync::watch;
use tokio::time::Instant;

use super::errors::{self, SqlState};
use semql_udfs::inference::sync::lock;

/// Why a statement was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelReason {
    /// Its client requested it.
    Client,
    /// It exceeded `statement_timeout`.
    Timeout,
    /// The server shuts down.
    Shutdown,
}

impl From<CancelReason> for PgWireError {
    fn from(reason: CancelReason) -> Self {
        match reason {
            CancelReason::Client => PgWireError::QueryCanceled,
            CancelReason::Timeout => errors::error(
                SqlState::Canceled,
                "canceling statement due to statement timeout",
            ),
            CancelReason::Shutdown => errors::fatal(
                SqlState::AdminShutdown,
                "terminating connection due to administrator command",
            ),
        }
    }
}

/// Handle that cancels the current statement of a connection.
pub struct CancelHandle(Mutex<watch::Sender<Option<CancelReason>>>);

impl Default for CancelHandle {
    fn default() -> Self {
        Self(Mutex::new(watch::Sender::new(None)))
    }
}

impl CancelHandle {
    /// Token of a statement that begins now. Earlier requests do not cancel it.
    pub fn begin(&self, timeout: Option<Duration>) -> CancelToken {
        let sender = watch::Sender::new(None);
        let receiver = sender.subscribe();
        *lock(&self.0) = sender;
        CancelToken {
            reason: receiver,
            deadline: timeout.map(|timeout| Instant::now() + timeout),
        }
    }

    /// Cancels the current statement.
    pub fn cancel(&self, reason: CancelReason) {
        lock(&self.0).send_replace(Some(reason));
    }
}

/// Cancellation token of one statement.
#[derive(Clone)]
pub struct CancelToken {
    reason: watch::Receiver<Option<CancelReason>>,
    deadline: Option<Instant>,
}

impl CancelToken {
    /// Waits until the statement is cancelled.
    pub async fn cancelled(&self) -> CancelReason {
        let mut receiver = self.reason.clone();
        let requested = async move {
            match receiver
                .wait_for(Option::is_some)
                .await
                .map(|reason| *reason)
            {
                Ok(Some(reason)) => reason,
                // A later statement has replaced the sender.
                Ok(None) | Err(_) => std::future::pending().await,
            }
        };
        let timed_out = async {
            match self.deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            reason = requested => reason,
            () = timed_out => CancelReason::Timeout,
        }
    }

    /// Waits for `work`, unless it is cancelled first.
    ///
    /// # Errors
    /// Those of `work`; the cancellation.
    pub async fn unless_cancelled<T>(
        &self,
        work: impl Future<Output = Result<T, PgWireError>>,
    ) -> Result<T, PgWireError> {
        tokio::select! {
            biased;
            reason = self.cancelled() => Err(reason.into()),
            done = work => done,
        }
    }
}

/// Connections whose statements can be cancelled.
#[derive(Default)]
pub struct CancelRegistry {
    all: Mutex<HashMap<i32, (SecretKey, Arc<CancelHandle>)>>,
}

/// Entry of a connection in the registry, removed when dropped.
pub struct Registration {
    registry: Arc<CancelRegistry>,
    pid: i32,
}

impl CancelRegistry {
    /// Adds a connection.
    pub fn register(
        self: &Arc<Self>,
        pid: i32,
        secret: SecretKey,
        handle: Arc<CancelHandle>,
    ) -> Registration {
        lock(&self.all).insert(pid, (secret, handle));
        Registration {
            registry: Arc::clone(self),
            pid,
        }
    }

    /// Cancels the current statement of every connection.
    pub fn cancel_all(&self, reason: CancelReason) {
        for (_, handle) in lock(&self.all).values() {
            handle.cancel(reason);
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.registry.all).remove(&self.pid);
    }
}

#[async_trait]
impl CancelHandler for CancelRegistry {
    async fn on_cancel_request(&self, request: CancelRequest) {
        let all = lock(&self.all);
        if let Some((secret, handle)) = all.get(&request.pid)
            && secret.eq_value(&request.secret_key)
        {
            handle.cancel(CancelReason::Client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn a_request_with_the_secret_cancels_only_the_current_statement() {
        let registry = Arc::new(CancelRegistry::default());
        let handle = Arc::new(CancelHandle::default());
        let registration = registry.register(7, SecretKey::I32(42), Arc::clone(&handle));
        let request = async |pid, secret| {
            let message = CancelRequest::new(pid, SecretKey::I32(secret));
            registry.on_cancel_request(message).await;
        };
        request(7, 42).await;
        let token = handle.begin(None);
        request(7, 41).await;
        request(8, 42).await;
        assert_eq!(token.cancelled().now_or_never(), None);
        // The secrets of older clients are numbers, and are read as bytes.
        let bytes = SecretKey::Bytes(42i32.to_be_bytes().to_vec().into());
        registry
            .on_cancel_request(CancelRequest::new(7, bytes))
            .await;
        assert_eq!(token.cancelled().await, CancelReason::Client);
        let next = handle.begin(None);
        assert_eq!(next.cancelled().now_or_never(), None);
        registry.cancel_all(CancelReason::Shutdown);
        assert_eq!(next.cancelled().await, CancelReason::Shutdown);
        drop(registration);
        let last = handle.begin(None);
        request(7, 42).await;
        assert_eq!(last.cancelled().now_or_never(), None);
    }

    #[tokio::test]
    async fn a_deadline_cancels() {
        let handle = CancelHandle::default();
        let token = handle.begin(Some(Duration::ZERO));
        assert_eq!(token.cancelled().await, CancelReason::Timeout);
        let endless = std::future::pending::<Result<(), PgWireError>>();
        assert!(token.unless_cancelled(endless).await.is_err());
    }
}
