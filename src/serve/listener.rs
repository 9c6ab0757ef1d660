//! The port: accepts connections, and ends them in order.

use std::net::{IpAddr, SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use pgwire::api::{
    ClientInfo, PgWireConnectionState, PgWireServerHandlers, RandomPidSecretKeyGenerator,
};
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use pgwire::tokio::TlsAcceptor;
use pgwire::tokio::server::{negotiate_tls, process_error, process_message};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::cancel::{CancelReason, CancelRegistry};
use super::catalog;
use super::connection::Connection;
use super::errors::{self, SqlState};
use super::metrics::{ConnectionOutcome, Metrics};
use super::passwords::Users;
use super::startup::Handlers;
use super::tls;
use crate::args::Serve;
use crate::error::{Result, ShellError};
use crate::panic;
use crate::port;
use crate::session::Session;

/// Connections that have not authenticated, for each connection slot. A request
/// to cancel a query comes on a separate connection, also when all slots are
/// taken.
const MAX_UNAUTHENTICATED_PER_SLOT: usize = 4;

/// Time for a client to authenticate.
const AUTHENTICATION_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a connection that has sent something ahead is checked for having
/// been closed.
const CLOSED_CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// Silence after which the system asks the peer whether it is still there.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);

/// Pause after an error of the port that may pass, such as too many open files.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Time for connections to end once their statements have been cancelled.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(2);

/// What all connections share.
pub struct ServerState {
    pub session: Arc<Session>,
    /// `None` admits every user; only on this machine.
    pub users: Option<Arc<Users>>,
    /// Whether a connection without TLS is refused.
    pub tls_only: bool,
    /// The certificate, for clients that bind their password to it.
    pub certificate: Option<Vec<u8>>,
    pub max_connections: usize,
    /// Texts that may wait for a model before further statements are refused.
    pub max_queued: u64,
    /// Time after which a connection that asks nothing is closed.
    pub idle_timeout: Option<Duration>,
    /// Whether the log has the texts of statements.
    pub log_statements: bool,
    pub slots: Arc<Semaphore>,
    pub pids: Arc<RandomPidSecretKeyGenerator>,
    pub cancels: Arc<CancelRegistry>,
    pub metrics: Arc<Metrics>,
    /// Cancelled when the server ends: connections close once they are idle.
    pub shutdown: CancellationToken,
}

/// How the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Running statements get the time of `--shutdown-timeout`.
    Drain,
    Now,
}

pub struct Listener {
    server: Arc<ServerState>,
    listener: StdListener,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    shutdown_timeout: Duration,
}

impl Listener {
    /// Binds the port, reads passwords and certificate, and describes the tables
    /// of `session` the way clients of Postgres look for them.
    ///
    /// # Errors
    /// See [`super::run`].
    pub async fn bind(session: Arc<Session>, options: &Serve) -> Result<Self> {
        let wanted = resolve(&options.listen)?;
        let users = options.password_file.as_deref().map(Users::read);
        let users = users.transpose()?.map(Arc::new);
        if users.is_none() && !wanted.iter().all(|address| address.ip().is_loopback()) {
            return Err(ShellError::usage(format!(
                "--listen {} can be reached from other machines, and no password would be asked for; \
                 give --password-file FILE with a `user:password` a line",
                options.listen
            )));
        }
        let certificate = match (&options.tls_cert, &options.tls_key) {
            (Some(certificate), Some(key)) => Some(tls::Certificate::read(certificate, key)?),
            _ => None,
        };
        let listener = listen(&wanted, &options.listen)?;
        let address = listener.local_addr()?;
        catalog::install(&session).await?;
        let (acceptor, certificate) = match certificate {
            Some(tls::Certificate { acceptor, pem }) => (Some(acceptor), Some(pem)),
            None => (None, None),
        };
        let server = ServerState {
            metrics: Arc::new(Metrics::new(Arc::clone(&session))),
            session,
            users,
            tls_only: acceptor.is_some(),
            certificate,
            max_connections: options.max_connections as usize,
            max_queued: options.max_queued,
            idle_timeout: options.idle_timeout,
            log_statements: options.log_statements,
            slots: Arc::new(Semaphore::new(options.max_connections as usize)),
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

    /// Address for clients.
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

    /// Lines for the start of the server: who may connect, and what clients may
    /// do.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = vec![
            match self.address.ip().is_loopback() {
                true => "Serving this machine only, at the following address; Ctrl-C ends it.",
                false => {
                    "Serving every machine that reaches the following address; Ctrl-C ends it."
                }
            }
            .to_string(),
        ];
        remarks.push(
            match &self.server.users {
                Some(_) => "Clients give a password (SCRAM-SHA-256).",
                None => "Clients give no password.",
            }
            .to_string(),
        );
        remarks.extend(self.server.session.policy.describe());
        remarks.push(format!(
            "Queries may reserve {} of memory (--memory-limit).",
            self.server.session.memory_limit_shown()
        ));
        if !self.server.tls_only && !self.address.ip().is_loopback() {
            remarks.push(
                "Queries and answers travel unencrypted; --tls-cert and --tls-key change that."
                    .to_string(),
            );
        }
        remarks
    }

    /// Accepts connections, a task for each, until `stop`; then ends
    /// them.
    ///
    /// # Errors
    /// If the port is lost.
    pub async fn serve(self, stop: impl Future<Output = Stop>) -> Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let unauthenticated = Arc::new(Semaphore::new(
            (self.server.max_connections + 1) * MAX_UNAUTHENTICATED_PER_SLOT,
        ));
        let mut connections = JoinSet::new();
        let mut id = 0;
        tokio::pin!(stop);
        let stop = loop {
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
        end(&self.server, connections, stop, self.shutdown_timeout).await;
        Ok(())
    }
}

/// Ends all connections: those that are idle at once, the others when their
/// statements have ended or are cancelled.
async fn end(
    server: &ServerState,
    mut connections: JoinSet<()>,
    stop: Stop,
    shutdown_timeout: Duration,
) {
    tracing::info!(connections = connections.len(), ?stop, "shutting down");
    server.shutdown.cancel();
    let mut all = async |time| {
        let ended = async { while connections.join_next().await.is_some() {} };
        timeout(time, ended).await.is_ok()
    };
    if stop == Stop::Drain && all(shutdown_timeout).await {
        return;
    }
    server.cancels.cancel_all(CancelReason::Shutdown);
    if !all(CANCEL_TIMEOUT).await {
        tracing::warn!("connections were still open at the end");
    }
    // Statements that were cancelled leave their tasks; what those have written
    // is removed when they are dropped, with the runtime.
}

/// Serves one connection until it ends, or until the client is gone: its work
/// ends then too.
async fn serve_connection(
    socket: TcpStream,
    acceptor: Option<TlsAcceptor>,
    connection: Arc<Connection>,
) {
    let prepared = || -> std::io::Result<(TcpStream, TcpStream)> {
        SockRef::from(&socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_TIME))?;
        let socket = socket.into_std()?;
        let watched = TcpStream::from_std(socket.try_clone()?)?;
        Ok((TcpStream::from_std(socket)?, watched))
    };
    let Ok((socket, watched)) = prepared() else {
        return;
    };
    let served = async {
        // The decoder of the protocol panics on some bytes that are no message.
        let done = panic::contained(messages(socket, acceptor, &connection)).await;
        match done {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(connection = connection.id, %error, "broken off"),
            None => tracing::warn!(
                connection = connection.id,
                peer = %connection.peer,
                "closed: it sent what is not the protocol"
            ),
        }
        if !connection.is_authenticated() {
            connection
                .server
                .metrics
                .connection_attempt(ConnectionOutcome::Failed);
            tracing::info!(
                connection = connection.id,
                peer = %connection.peer,
                "ended without authentication"
            );
        }
    };
    tokio::select! {
        () = served => {}
        () = closed(watched) => {}
    }
}

/// Answers one message after the other.
async fn messages(
    socket: TcpStream,
    acceptor: Option<TlsAcceptor>,
    connection: &Arc<Connection>,
) -> std::io::Result<()> {
    let handlers = Handlers::of(Arc::clone(connection));
    let startup = handlers.startup_handler();
    let simple = handlers.simple_query_handler();
    let extended = handlers.extended_query_handler();
    let copy = handlers.copy_handler();
    let cancel = handlers.cancel_handler();
    let authentication = sleep(AUTHENTICATION_TIMEOUT);
    tokio::pin!(authentication);
    let negotiated = tokio::select! {
        negotiated = negotiate_tls(socket, acceptor) => negotiated?,
        () = &mut authentication => return Ok(()),
        () = connection.server.shutdown.cancelled() => return Ok(()),
    };
    let Some(mut socket) = negotiated else {
        return Ok(());
    };
    loop {
        let authenticated = connection.is_authenticated();
        let idle = async {
            match connection.server.idle_timeout.filter(|_| authenticated) {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        };
        let message = tokio::select! {
            message = socket.next() => message,
            () = &mut authentication, if !authenticated => return Ok(()),
            () = idle => {
                let error = errors::fatal(
                    SqlState::IdleTimeout,
                    "terminating connection due to idle timeout",
                );
                return send_last(&mut socket, error).await;
            }
            () = connection.server.shutdown.cancelled() => {
                return send_last(&mut socket, CancelReason::Shutdown.into()).await;
            }
        };
        let message = match message {
            None | Some(Ok(PgWireFrontendMessage::Terminate(_))) => return Ok(()),
            Some(Err(error)) => return send_last(&mut socket, errors::ending(error)).await,
            Some(Ok(message)) => message,
        };
        let awaits_sync = match socket.state() {
            PgWireConnectionState::CopyInProgress(of_extended) => of_extended,
            _ => message.is_extended_query(),
        };
        let processed = panic::reported(process_message(
            message,
            &mut socket,
            Arc::clone(&startup),
            Arc::clone(&simple),
            Arc::clone(&extended),
            Arc::clone(&copy),
            Arc::clone(&cancel),
        ));
        let error = match processed.await {
            Some(Ok(())) => continue,
            Some(Err(error)) => error,
            None => {
                tracing::error!(
                    connection = connection.id,
                    user = ?connection.user(),
                    "panic while a message was answered"
                );
                errors::internal()
            }
        };
        let info = ErrorInfo::from(error);
        let ends = info.is_fatal();
        if !connection.is_authenticated() {
            tracing::warn!(
                connection = connection.id,
                peer = %connection.peer,
                user = ?socket.metadata().get("user"),
                sqlstate = info.code,
                "refused"
            );
        }
        process_error(
            &mut socket,
            PgWireError::UserError(Box::new(info)),
            awaits_sync,
        )
        .await?;
        if ends {
            return Ok(());
        }
    }
}

/// Sends an error and closes the connection.
async fn send_last<S>(socket: &mut S, error: PgWireError) -> std::io::Result<()>
where
    S: futures::Sink<PgWireBackendMessage, Error = std::io::Error> + Unpin,
{
    let info = ErrorInfo::from(error);
    socket
        .send(PgWireBackendMessage::ErrorResponse(info.into()))
        .await?;
    socket.close().await
}

/// Waits until the other side has closed the connection.
async fn closed(socket: TcpStream) {
    let mut byte = [0];
    loop {
        match socket.peek(&mut byte).await {
            Ok(0) | Err(_) => return,
            // A message, which is read elsewhere.
            Ok(_) => sleep(CLOSED_CHECK_INTERVAL).await,
        }
    }
}

fn resolve(listen: &str) -> Result<Vec<SocketAddr>> {
    let wrong = |why: String| {
        ShellError::usage(format!(
            "--listen {listen}: {why}; an address and a port are expected, such as 127.0.0.1:5432"
        ))
    };
    let found: Vec<SocketAddr> = listen
        .to_socket_addrs()
        .map_err(|error| wrong(error.to_string()))?
        .collect();
    if found.is_empty() {
        return Err(wrong("there is no such address".to_string()));
    }
    Ok(found)
}

fn listen(wanted: &[SocketAddr], written: &str) -> Result<StdListener> {
    let listener = StdListener::bind(wanted).map_err(|error| {
        let why = port::bind_error(&error);
        ShellError::usage(format!(
            "{written} {why}; choose another with --listen ADDRESS:PORT (port 0 takes any free one)"
        ))
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
