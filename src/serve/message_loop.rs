//! Message loop of one connection, with TLS, timeouts and shutdown.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use pgwire::api::{ClientInfo, PgWireConnectionState, PgWireServerHandlers};
use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use pgwire::tokio::TlsAcceptor;
use pgwire::tokio::server::{negotiate_tls, process_error, process_message};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::cancel::CancelReason;
use super::connection::Connection;
use super::errors::{self, SqlState};
use super::handlers::Handlers;
use super::metrics::ConnectionOutcome;
use crate::panic;

/// Time for a client to authenticate.
const AUTHENTICATION_TIMEOUT: Duration = Duration::from_secs(30);

/// Interval of the checks for a disconnect while a message is unread.
const DISCONNECT_CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// Idle time before the first TCP keepalive probe.
const KEEPALIVE_TIME: Duration = Duration::from_secs(60);

/// Serves one connection until it ends or the client disconnects, which also
/// ends its statement.
pub async fn serve_connection(
    socket: TcpStream,
    acceptor: Option<TlsAcceptor>,
    connection: Arc<Connection>,
) {
    let sockets = || -> std::io::Result<(TcpStream, TcpStream)> {
        SockRef::from(&socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_TIME))?;
        let socket = socket.into_std()?;
        let watched = TcpStream::from_std(socket.try_clone()?)?;
        Ok((TcpStream::from_std(socket)?, watched))
    };
    let Ok((socket, watched)) = sockets() else {
        return;
    };
    let served = async {
        // The decoder of the protocol panics on some malformed messages.
        let done = panic::contained(messages(socket, acceptor, &connection)).await;
        match done {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                tracing::debug!(connection = connection.id, %error, "connection failed")
            }
            None => tracing::warn!(
                connection = connection.id,
                peer = %connection.peer,
                "closed: malformed message"
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
        () = disconnected(watched) => {}
    }
}

/// Handles messages in order until the connection ends.
async fn messages(
    socket: TcpStream,
    acceptor: Option<TlsAcceptor>,
    connection: &Arc<Connection>,
) -> std::io::Result<()> {
    let handlers = Handlers::of(connection);
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
                return send_fatal(&mut socket, error).await;
            }
            () = connection.server.shutdown.cancelled() => {
                return send_fatal(&mut socket, CancelReason::Shutdown.into()).await;
            }
        };
        let message = match message {
            None | Some(Ok(PgWireFrontendMessage::Terminate(_))) => return Ok(()),
            Some(Err(error)) => return send_fatal(&mut socket, errors::ending(error)).await,
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
                    "panic while handling a message"
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
async fn send_fatal<S>(socket: &mut S, error: PgWireError) -> std::io::Result<()>
where
    S: futures::Sink<PgWireBackendMessage, Error = std::io::Error> + Unpin,
{
    let info = ErrorInfo::from(error);
    socket
        .send(PgWireBackendMessage::ErrorResponse(info.into()))
        .await?;
    socket.close().await
}

/// Waits until the client has disconnected.
async fn disconnected(socket: TcpStream) {
    let mut byte = [0];
    loop {
        match socket.peek(&mut byte).await {
            Ok(0) | Err(_) => return,
            // A message, which the message loop reads.
            Ok(_) => sleep(DISCONNECT_CHECK_INTERVAL).await,
        }
    }
}
