//! The port, and who comes through.

use std::net::{IpAddr, SocketAddr, TcpListener as StdListener, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use pgwire::api::RandomPidSecretKeyGenerator;
use pgwire::tokio::{TlsAcceptor, process_socket};
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::catalog;
use super::connection::Connection;
use super::passwords::Users;
use super::startup::Handlers;
use super::stop::Stops;
use super::tls;
use crate::args::Serve;
use crate::error::{Result, ShellError};
use crate::panic;
use crate::port;
use crate::session::Session;

/// Connections that have not said who they are, for each that may come in: a
/// request to stop a query comes on a connection of its own, also when all are
/// taken.
const STRANGERS: usize = 4;

/// How often a connection that has sent something ahead is looked at, to see
/// whether it still stands.
const LOOK: Duration = Duration::from_millis(200);

/// After how long a silent peer is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(60);

/// After an error that may pass, such as too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// What all connections share.
pub struct House {
    pub session: Arc<Session>,
    /// `None` lets everybody in; only on this machine.
    pub users: Option<Arc<Users>>,
    /// Whether a connection without TLS is turned away.
    pub tls_only: bool,
    /// The certificate, for clients that bind their password to it.
    pub certificate: Option<Vec<u8>>,
    pub allow_writes: bool,
    pub max_connections: usize,
    /// Texts that may wait for a model before further statements are refused.
    pub max_queued: u64,
    pub places: Arc<Semaphore>,
    pub pids: Arc<RandomPidSecretKeyGenerator>,
    pub stops: Arc<Stops>,
}

pub struct Door {
    house: Arc<House>,
    listener: StdListener,
    address: SocketAddr,
    acceptor: Option<TlsAcceptor>,
}

impl Door {
    /// Takes the port, reads passwords and certificate, and describes the
    /// tables of `session` the way clients of Postgres look for them.
    ///
    /// # Errors
    /// See [`super::run`].
    pub async fn open(session: Arc<Session>, options: &Serve) -> Result<Self> {
        let wanted = resolve(&options.listen)?;
        let users = options.password_file.as_deref().map(Users::read);
        let users = users.transpose()?.map(Arc::new);
        if users.is_none() && !wanted.iter().all(|address| address.ip().is_loopback()) {
            return Err(ShellError::usage(format!(
                "--listen {} can be reached from other machines, and nobody would be asked for a password; \
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
        let house = House {
            session,
            users,
            tls_only: acceptor.is_some(),
            certificate,
            allow_writes: options.allow_writes,
            max_connections: options.max_connections as usize,
            max_queued: options.max_queued,
            places: Arc::new(Semaphore::new(options.max_connections as usize)),
            pids: Arc::default(),
            stops: Arc::default(),
        };
        Ok(Self {
            house: Arc::new(house),
            listener,
            address,
            acceptor,
        })
    }

    /// Where clients find it.
    pub fn address(&self) -> String {
        let host = match self.address.ip() {
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        let tls = if self.house.tls_only {
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

    /// What whoever starts it should know.
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
        let reads = match self.house.allow_writes {
            true => "Clients read and write",
            false => "Clients read",
        };
        remarks.push(match &self.house.users {
            Some(_) => format!(
                "{reads} with the rights of this process, after a password (SCRAM-SHA-256)."
            ),
            None => format!(
                "{reads} with the rights of this process, and nobody is asked for a password."
            ),
        });
        if !self.house.tls_only && !self.address.ip().is_loopback() {
            remarks.push(
                "Queries and answers travel unencrypted; --tls-cert and --tls-key change that."
                    .to_string(),
            );
        }
        remarks
    }

    /// Lets connections in, each into a task of its own.
    ///
    /// # Errors
    /// If the port is lost.
    pub async fn serve(self) -> Result<()> {
        let listener = TcpListener::from_std(self.listener)?;
        let strangers = Arc::new(Semaphore::new(
            self.house.max_connections * STRANGERS + STRANGERS,
        ));
        loop {
            let Ok((socket, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let Ok(permit) = Arc::clone(&strangers).try_acquire_owned() else {
                continue;
            };
            let house = Arc::clone(&self.house);
            let acceptor = self.acceptor.clone();
            tokio::spawn(async move {
                // Whatever went wrong has been told to the client, or there is
                // no client any more. pgwire's decoder panics on some bytes
                // that are no message.
                let _ = panic::contained(attend(socket, acceptor, house)).await;
                drop(permit);
            });
        }
    }
}

/// Answers one connection until it ends, or until the client is gone: its work
/// ends then too.
async fn attend(
    socket: TcpStream,
    acceptor: Option<TlsAcceptor>,
    house: Arc<House>,
) -> std::io::Result<()> {
    SockRef::from(&socket).set_tcp_keepalive(&TcpKeepalive::new().with_time(SILENCE))?;
    let socket = socket.into_std()?;
    let watched = TcpStream::from_std(socket.try_clone()?)?;
    let socket = TcpStream::from_std(socket)?;
    let connection = Arc::new(Connection::new(house));
    tokio::select! {
        ended = process_socket(socket, acceptor, Handlers::of(connection)) => ended,
        () = gone(watched) => Ok(()),
    }
}

/// Waits until the other side has closed the connection.
async fn gone(socket: TcpStream) {
    let mut byte = [0];
    loop {
        match socket.peek(&mut byte).await {
            Ok(0) | Err(_) => return,
            // Something to be read, which is not our business.
            Ok(_) => tokio::time::sleep(LOOK).await,
        }
    }
}

fn resolve(listen: &str) -> Result<Vec<SocketAddr>> {
    let wrong = |why: String| {
        ShellError::usage(format!(
            "--listen {listen}: {why}; an address and a port are wanted, such as 127.0.0.1:5432"
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
        let why = port::why_not(&error);
        ShellError::usage(format!(
            "{written} {why}; choose another with --listen ADDRESS:PORT (port 0 takes any free one)"
        ))
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
