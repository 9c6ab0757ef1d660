//! Listener: accepts connections and shuts the server down.

use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use pgwire::tokio::TlsAcceptor;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::address;
use super::cancel::CancelReason;
use super::catalog;
use super::connection::Connection;
use super::message_loop::serve_connection;
use super::metrics::{ConnectionOutcome, Metrics};
use super::passwords::Users;
use super::state::ServerState;
use super::tls;
use crate::args::ServeArgs;
use crate::error::{Result, ShellError};
use crate::session::Session;

/// Unauthenticated connections allowed per connection slot. A cancel request
/// needs a separate connection, also when all slots are taken.
const MAX_UNAUTHENTICATED_PER_SLOT: usize = 4;

/// Pause after a temporary error of the port, such as too many open files.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Time for connections to end once their statements have been cancelled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// How the server shuts down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownMode {
    /// Running statements get `--shutdown-timeout` to end.
    Drain,
    /// Running statements are cancelled.
    Now,
}

/// Bound port of the server.
pub struct Listener {
    server: Arc<ServerState>,
    listener: StdListener,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    shutdown_timeout: Duration,
}

impl Listener {
    /// Binds the port, reads passwords and certificate, and adds the catalogue of
    /// Postgres to `session`.
    ///
    /// # Errors
    /// Options that do not fit together; an unusable port, password file,
    /// certificate or key.
    pub async fn bind(session: Arc<Session>, options: &ServeArgs) -> Result<Self> {
        let addresses = address::resolve(&options.listen)?;
        let users = options.password_file.as_deref().map(Users::read);
        let users = users.transpose()?.map(Arc::new);
        if users.is_none() && !addresses.iter().all(|address| address.ip().is_loopback()) {
            return Err(ShellError::usage(format!(
                "--listen {} can be reached from other machines without a password; \
                 give --password-file FILE with one `user:password` per line",
                options.listen
            )));
        }
        let certificate = match (&options.tls_cert, &options.tls_key) {
            (Some(certificate), Some(key)) => Some(tls::Certificate::read(certificate, key)?),
            _ => None,
        };
        let listener = address::bind(&addresses, &options.listen)?;
        let address = listener.local_addr()?;
        catalog::install(&session).await?;
        let (acceptor, certificate) = match certificate {
            Some(tls::Certificate { acceptor, pem }) => (Some(acceptor), Some(pem)),
            None => (None, None),
        };
        let max_connections = options.max_connections as usize;
        let server = ServerState {
            metrics: Arc::new(Metrics::new(Arc::clone(&session), max_connections)),
            session,
            users,
            tls_only: acceptor.is_some(),
            certificate,
            max_connections,
            max_queued: options.max_queued,
            idle_timeout: options.idle_timeout,
            log_statements: options.log_statements,
            slots: Arc::new(Semaphore::new(max_connections)),
            pids: Arc::default(),
            cancels: Arc::default(),
            shutdown: CancellationToken::new(),
        };
        Ok(Self {
            server: Arc::new(server),
            listener,
            address,
            acceptor,
            shutdown_timeout: options.shutdown_timeout,
        })
    }

    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.server.metrics)
    }

    /// URL for clients.
    pub fn address(&self) -> String {
        let host = match self.address.ip() {
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        let tls = if self.server.tls_only {
            "?sslmode=require"
        } else {
            ""
        };
        format!(
            "postgresql://{host}:{}/{}{tls}",
            self.address.port(),
            catalog::DATABASE
        )
    }

    /// Messages for the start of the server: access, permissions and limits.
    pub fn startup_messages(&self) -> Vec<String> {
        let mut messages = vec![
            match self.address.ip().is_loopback() {
                true => "Serving this machine only, at the following address; Ctrl-C stops the server.",
                false => {
                    "Serving every machine that reaches the following address; Ctrl-C stops the server."
                }
            }
            .to_string(),
        ];
        messages.push(
            match &self.server.users {
                Some(_) => "Clients need a password (SCRAM-SHA-256).",
                None => "Clients need no password.",
            }
            .to_string(),
        );
        messages.extend(self.server.session.policy.describe());
        messages.push(format!(
            "Queries may reserve {} of memory (--memory-limit).",
            self.server.session.memory_limit_shown()
        ));
        if !self.server.tls_only && !self.address.ip().is_loopback() {
            messages.push(
                "Queries and results are not encrypted; --tls-cert and --tls-key enable TLS."
                    .to_string(),
            );
        }
        messages
    }

    /// Accepts connections until `stop`, a task for each, and then shuts down.
    ///
    /// # Errors
    /// If the port fails.
    pub async fn serve(self, stop: impl Future<Output = ShutdownMode>) -> Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let unauthenticated = Arc::new(Semaphore::new(
            (self.server.max_connections + 1) * MAX_UNAUTHENTICATED_PER_SLOT,
        ));
        let mut connections = JoinSet::new();
        let mut id = 0;
        tokio::pin!(stop);
        let mode = loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
                stop = &mut stop => break stop,
            };
            let Ok((socket, peer)) = accepted else {
                sleep(ACCEPT_RETRY_INTERVAL).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&unauthenticated).try_acquire_owned() else {
                self.server
                    .metrics
                    .connection_attempt(ConnectionOutcome::Refused);
                tracing::warn!(%peer, "refused: too many connections that have not authenticated");
                continue;
            };
            id += 1;
            let connection = Connection::new(Arc::clone(&self.server), id, peer, permit);
            connections.spawn(serve_connection(
                socket,
                self.acceptor.clone(),
                Arc::new(connection),
            ));
        };
        drop(listener);
        shut_down(&self.server, connections, mode, self.shutdown_timeout).await;
        Ok(())
    }
}

/// Ends all connections: idle ones at once, others when their statements have
/// ended or are cancelled.
async fn shut_down(
    server: &ServerState,
    mut connections: JoinSet<()>,
    mode: ShutdownMode,
    shutdown_timeout: Duration,
) {
    tracing::info!(connections = connections.len(), ?mode, "shutting down");
    server.shutdown.cancel();
    let mut all = async |time| {
        let ended = async { while connections.join_next().await.is_some() {} };
        timeout(time, ended).await.is_ok()
    };
    if mode == ShutdownMode::Drain && all(shutdown_timeout).await {
        return;
    }
    server.cancels.cancel_all(CancelReason::Shutdown);
    if !all(CANCEL_TIMEOUT).await {
        tracing::warn!("connections were still open at shutdown");
    }
    // Tasks of cancelled statements are dropped with the runtime, which removes
    // their partial files.
}
