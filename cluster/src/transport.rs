//! Connections between clients, the scheduler and executors.
//!
//! With a secret, all of them use TLS with a certificate on both sides, see
//! [`crate::certificate`]. The TLS handshake checks the secret without sending
//! it: a process without the secret reaches no service. Without a secret,
//! connections are plain HTTP/2, which is allowed on loopback addresses only.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ballista_core::extension::EndpointOverrideFn;
use semql::ShellError;
use tonic::body::Body;
use tonic::codegen::Service;
use tonic::codegen::http::{Request, StatusCode, Uri};
use tonic::transport::{
    Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig,
};

use crate::certificate::{SERVER_NAME, self_signed};
use crate::secret::{SECRET_FILE_VARIABLE, Secret};

/// Path at which a scheduler answers 200 while it runs.
pub const HEALTH_PATH: &str = "/healthz";

/// Path at which a scheduler answers 200 while it has an executor.
pub const READY_PATH: &str = "/readyz";

/// Maximum size of a gRPC message in bytes; plans contain small tables.
pub const MAX_MESSAGE_SIZE: u32 = 64 << 20;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Time that a scheduler may take to answer a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Flow control of HTTP/2 in bytes, as Ballista sets it for shuffles.
const CONNECTION_WINDOW: u32 = 64 << 20;
const STREAM_WINDOW: u32 = 16 << 20;

/// Keep-alive of connections, as Ballista sets it.
const TCP_KEEPALIVE: Duration = Duration::from_secs(3600);
const HTTP2_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(300);
const HTTP2_KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// TLS configuration of a process as client and as server.
#[derive(Clone, Default)]
pub struct Transport {
    /// `None` without a secret.
    tls: Option<Tls>,
}

#[derive(Clone)]
struct Tls {
    client: ClientTlsConfig,
    server: ServerTlsConfig,
}

/// Hides the keys.
impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("encrypted", &self.is_encrypted())
            .finish()
    }
}

/// Failure to connect to a scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// Connections are not accepted there, so a retry may succeed.
    Absent { address: String, cause: String },
    /// The server is not a scheduler with the same secret.
    Rejected(String),
}

impl From<ConnectError> for ShellError {
    fn from(error: ConnectError) -> Self {
        Self::setup(match error {
            ConnectError::Absent { address, cause } => format!(
                "there is no scheduler at {address}: {cause}; start one with `semql cluster scheduler`"
            ),
            ConnectError::Rejected(why) => why,
        })
    }
}

impl Transport {
    /// Transport with the secret of `--secret-file` or of the environment, see
    /// [`Secret::find`].
    ///
    /// # Errors
    /// The file contains no valid secret.
    pub fn from_secret_file(option: Option<&Path>) -> Result<Self, ShellError> {
        match Secret::find(option)? {
            Some(secret) => Self::encrypted(&secret),
            None => Ok(Self::default()),
        }
    }

    /// Transport between processes that have this secret.
    ///
    /// # Errors
    /// No key can be derived from the secret.
    pub fn encrypted(secret: &Secret) -> Result<Self, ShellError> {
        let pem = self_signed(&secret.seed()).map_err(|error| {
            ShellError::setup(format!("cannot derive a key from the secret: {error}"))
        })?;
        let trusted = Certificate::from_pem(pem.certificate.as_bytes());
        let identity = Identity::from_pem(pem.certificate.as_bytes(), pem.key.as_bytes());
        let tls = Tls {
            client: ClientTlsConfig::new()
                .domain_name(SERVER_NAME)
                .ca_certificate(trusted.clone())
                .identity(identity.clone())
                .timeout(HANDSHAKE_TIMEOUT),
            server: ServerTlsConfig::new()
                .client_ca_root(trusted)
                .identity(identity)
                .timeout(HANDSHAKE_TIMEOUT),
        };
        Ok(Self { tls: Some(tls) })
    }

    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Refuses an address other than loopback without a secret.
    ///
    /// # Errors
    /// Such an address without a secret.
    pub fn check_bind(&self, bind: IpAddr) -> Result<(), ShellError> {
        if self.is_encrypted() || bind.to_canonical().is_loopback() {
            return Ok(());
        }
        Err(ShellError::usage(format!(
            "--bind {bind} is reachable from other machines, and needs a secret; \
             give --secret-file FILE (or {SECRET_FILE_VARIABLE}) with the same secret on every machine, \
             such as the output of `openssl rand -hex 32`"
        )))
    }

    /// Adds encryption and the check of the secret to a server.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn server(&self, server: Server) -> Result<Server, tonic::transport::Error> {
        match &self.tls {
            Some(tls) => server.tls_config(tls.server.clone()),
            None => Ok(server),
        }
    }

    /// Endpoint of the scheduler at `host:port`.
    ///
    /// # Errors
    /// `address` is not an address.
    pub fn scheduler_endpoint(&self, address: &str) -> Result<Endpoint, ShellError> {
        match self.endpoint(address) {
            Ok(endpoint) => Ok(endpoint.timeout(REQUEST_TIMEOUT)),
            Err(error) => Err(ShellError::usage(format!(
                "'{address}' is not the address of a scheduler: {}",
                root_cause(&error)
            ))),
        }
    }

    /// Replacement for Ballista's endpoints of the scheduler; `None` without a secret.
    pub fn scheduler_override(&self) -> Option<EndpointOverrideFn> {
        self.endpoint_override(Some(REQUEST_TIMEOUT))
    }

    /// Replacement for Ballista's endpoints of executors, without a timeout for
    /// long results; `None` without a secret.
    pub fn executor_override(&self) -> Option<EndpointOverrideFn> {
        self.endpoint_override(None)
    }

    /// Replaces endpoints of Ballista, whose scheme `http` cannot be changed to the
    /// `https` of TLS.
    fn endpoint_override(&self, timeout: Option<Duration>) -> Option<EndpointOverrideFn> {
        if !self.is_encrypted() {
            return None;
        }
        let transport = self.clone();
        Some(Arc::new(
            move |given: Endpoint| -> Result<Endpoint, Box<dyn Error + Send + Sync>> {
                let address = given.uri().authority().map(ToString::to_string);
                let endpoint = transport.endpoint(&address.unwrap_or_default())?;
                Ok(match timeout {
                    Some(timeout) => endpoint.timeout(timeout),
                    None => endpoint,
                })
            },
        ))
    }

    fn endpoint(&self, address: &str) -> Result<Endpoint, tonic::transport::Error> {
        let scheme = if self.is_encrypted() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .tcp_keepalive(Some(TCP_KEEPALIVE))
            .http2_keep_alive_interval(HTTP2_KEEPALIVE_INTERVAL)
            .keep_alive_timeout(HTTP2_KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .initial_stream_window_size(STREAM_WINDOW);
        match &self.tls {
            Some(tls) => endpoint.tls_config(tls.client.clone()),
            None => Ok(endpoint),
        }
    }

    /// Connects to the scheduler at `host:port`, and checks that it is a scheduler.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(&self, address: &str) -> Result<Channel, ConnectError> {
        let endpoint = self
            .scheduler_endpoint(address)
            .map_err(|error| ConnectError::Rejected(error.message))?;
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(error) => return Err(self.connect_error(address, &error)),
        };
        match status(&channel, HEALTH_PATH).await {
            Ok(StatusCode::OK) => Ok(channel),
            Ok(_) => Err(ConnectError::Rejected(format!(
                "the server at {address} is not a scheduler of semql or Ballista"
            ))),
            Err(error) => Err(self.no_answer_error(address, &error)),
        }
    }

    fn connect_error(&self, address: &str, error: &tonic::transport::Error) -> ConnectError {
        let cause = root_cause(error);
        let plain_peer = match find_tls_error(error) {
            Some(rustls::Error::InvalidCertificate(_)) => {
                return ConnectError::Rejected(format!(
                    "the scheduler at {address} has another secret than this process; \
                     start both with the same one (--secret-file, {SECRET_FILE_VARIABLE})"
                ));
            }
            Some(rustls::Error::InvalidMessage(_)) => true,
            Some(_) => {
                return ConnectError::Rejected(format!(
                    "the scheduler at {address} and this process cannot agree on encryption: {cause}"
                ));
            }
            None => self.is_encrypted() && is_closed_early(error),
        };
        match plain_peer {
            true => ConnectError::Rejected(format!(
                "the server at {address} was started without a secret, and this process has one; \
                 start it with --secret-file, or unset {SECRET_FILE_VARIABLE} here"
            )),
            false => ConnectError::Absent {
                address: address.to_string(),
                cause,
            },
        }
    }

    /// Error of a server that accepts connections and does not answer, as a
    /// scheduler with a secret does to a client without one.
    fn no_answer_error(&self, address: &str, error: &tonic::transport::Error) -> ConnectError {
        let cause = root_cause(error);
        ConnectError::Rejected(match self.is_encrypted() {
            true => format!("the scheduler at {address} does not answer: {cause}"),
            false => format!(
                "the server at {address} does not answer as a scheduler without a secret ({cause}); \
                 if it has a secret, give a file with the same one (--secret-file, {SECRET_FILE_VARIABLE})"
            ),
        })
    }
}

/// Status of the response to `GET path`.
///
/// # Errors
/// The request fails.
pub async fn status(
    channel: &Channel,
    path: &'static str,
) -> Result<StatusCode, tonic::transport::Error> {
    let mut channel = channel.clone();
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static(path);
    poll_fn(|context| Service::<Request<Body>>::poll_ready(&mut channel, context)).await?;
    Ok(channel.call(request).await?.status())
}

/// Text of the innermost error; the outer ones only say "transport error".
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// TLS error within an error of the transport.
fn find_tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    chain(error).find_map(|error| match error.downcast_ref::<io::Error>() {
        // `Error::source` of an `io::Error` skips the error that it wraps.
        Some(io) => io.get_ref()?.downcast_ref::<rustls::Error>(),
        None => error.downcast_ref::<rustls::Error>(),
    })
}

/// Whether the peer closed the connection during the handshake.
fn is_closed_early(error: &(dyn Error + 'static)) -> bool {
    chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::BrokenPipe
            )
        })
}

/// Iterator over the error and its sources.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tonic::service::{AxumRouter, Routes};
    use tonic::transport::server::TcpIncoming;

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::parse(text.as_bytes()).unwrap()
    }

    fn encrypted(text: &str) -> Transport {
        Transport::encrypted(&secret(text)).unwrap()
    }

    /// Starts a server that answers as a scheduler does; returns its address.
    async fn serve(transport: &Transport) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut server = transport.server(Server::builder()).unwrap();
        let router = AxumRouter::new().route(HEALTH_PATH, get(|| async { StatusCode::OK }));
        let served = server
            .add_routes(Routes::from(router))
            .serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(served);
        address
    }

    async fn rejection(transport: &Transport, address: &str) -> String {
        match transport.connect(address).await {
            Err(ConnectError::Rejected(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn only_equal_secrets_connect() {
        let address = serve(&encrypted("one secret of a cluster")).await;
        let same = encrypted(" one secret of a cluster\n");
        assert!(same.connect(&address).await.is_ok());
        let other = rejection(&encrypted("another secret of a cluster"), &address).await;
        assert!(other.contains("has another secret"), "{other}");
        let none = rejection(&Transport::default(), &address).await;
        assert!(none.contains("if it has a secret"), "{none}");
    }

    #[tokio::test]
    async fn a_client_without_the_certificate_is_refused() {
        let text = "one secret of a cluster";
        let address = serve(&encrypted(text)).await;
        let pem = self_signed(&secret(text).seed()).unwrap();
        let tls = ClientTlsConfig::new()
            .domain_name(SERVER_NAME)
            .ca_certificate(Certificate::from_pem(pem.certificate));
        let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
        let endpoint = endpoint.tls_config(tls).unwrap();
        let endpoint = endpoint
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT);
        let answered = match endpoint.connect().await {
            Ok(channel) => status(&channel, HEALTH_PATH).await.is_ok(),
            Err(_) => false,
        };
        assert!(!answered);
    }

    #[tokio::test]
    async fn a_scheduler_without_a_secret_is_recognized() {
        let plain = Transport::default();
        let address = serve(&plain).await;
        assert!(plain.connect(&address).await.is_ok());
        let why = rejection(&encrypted("one secret of a cluster"), &address).await;
        assert!(why.contains("was started without a secret"), "{why}");
    }

    #[tokio::test]
    async fn a_closed_port_is_absent_and_not_rejected() {
        for transport in [Transport::default(), encrypted("one secret of a cluster")] {
            let error = transport.connect("127.0.0.1:1").await.unwrap_err();
            assert!(matches!(error, ConnectError::Absent { .. }), "{error:?}");
        }
    }

    #[test]
    fn addresses_other_than_loopback_need_a_secret() {
        let (plain, encrypted) = (Transport::default(), encrypted("one secret of a cluster"));
        for (bind, open) in [
            ("127.0.0.1", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("0.0.0.0", true),
            ("::", true),
            ("10.0.0.1", true),
        ] {
            let bind: IpAddr = bind.parse().unwrap();
            assert_eq!(plain.check_bind(bind).is_err(), open, "{bind}");
            assert!(encrypted.check_bind(bind).is_ok(), "{bind}");
        }
    }

    #[test]
    fn ballistas_endpoints_are_replaced_only_with_a_secret() {
        assert!(Transport::default().scheduler_override().is_none());
        let replace = encrypted("one secret of a cluster").executor_override();
        let given = Endpoint::from_static("http://10.0.0.1:50051");
        let replaced = replace.unwrap()(given).unwrap();
        assert_eq!(replaced.uri().scheme_str(), Some("https"));
        let address = replaced.uri().authority().map(ToString::to_string);
        assert_eq!(address.as_deref(), Some("10.0.0.1:50051"));
    }
}
