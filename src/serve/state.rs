//! State that all connections share.

use std::sync::Arc;
use std::time::Duration;

use pgwire::api::RandomPidSecretKeyGenerator;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::cancel::CancelRegistry;
use super::metrics::Metrics;
use super::passwords::Users;
use crate::session::Session;

/// State of the server, shared by its connections.
pub struct ServerState {
    pub session: Arc<Session>,
    /// `None` admits every user; only on a loopback address.
    pub users: Option<Arc<Users>>,
    /// Whether a connection without TLS is refused.
    pub tls_only: bool,
    /// Certificate in PEM, for channel binding of passwords.
    pub certificate: Option<Vec<u8>>,
    pub max_connections: usize,
    /// Texts that may wait for a model before the server refuses statements.
    pub max_queued: u64,
    /// Time after which a connection without a request is closed.
    pub idle_timeout: Option<Duration>,
    /// Whether the log has the texts of statements.
    pub log_statements: bool,
    /// Free connection slots.
    pub slots: Arc<Semaphore>,
    pub pids: Arc<RandomPidSecretKeyGenerator>,
    pub cancels: Arc<CancelRegistry>,
    pub metrics: Arc<Metrics>,
    /// Cancelled when the server shuts down: connections close once they are
    /// idle.
    pub shutdown: CancellationToken,
}
