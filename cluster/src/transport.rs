//! Connections between clients, the scheduler and executors.
//!
//! With a secret, all of them are TLS with a certificate on both sides, see
//! [`crate::certificate`]. The handshake is the check of the secret: a process
//! without it reaches no service behind the port, whichever services those are,
//! and the secret itself is never sent. Without one they are plain HTTP/2, which
//! is allowed on addresses of this machine only.

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

/// How this process connects and is connected to.
#[derive(Clone, Default)]
pub struct Transport {
    /// Absent without a secret.
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

/// Why there is no connection to a scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// Connections are not accepted there. A scheduler may be started later.
    Absent { place: String, cause: String },
    /// Connections are accepted, but not by a scheduler with the same secret.
    Rejected(String),
}

impl From<ConnectError> for ShellError {
    fn from(error: ConnectError) -> Self {
        Self::setup(match error {
            ConnectError::Absent { place, cause } => format!(
                "there is no scheduler at {place}: {cause}; `semql cluster scheduler` starts one"
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
    /// A file that is not fit for a secret.
    pub fn from_secret_file(option: Option<&Path>) -> Result<Self, ShellError> {
        match Secret::find(option)? {
            Some(secret) => Self::encrypted(&secret),
            None => Ok(Self::default()),
        }
    }

    /// Transport between processes that have this secret.
    ///
    /// # Errors
    /// Only if no key can be derived.
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

    /// Refuses an address that other machines reach, unless a secret protects it.
    ///
    /// # Errors
    /// Such an address without a secret.
    pub fn check_bind(&self, bind: IpAddr) -> Result<(), ShellError> {
        if self.is_encrypted() || bind.to_canonical().is_loopback() {
            return Ok(());
        }
        Err(ShellError::usage(format!(
            "--bind {bind} can be reached from other machines, and no secret would be asked for; \
             give --secret-file FILE (or {SECRET_FILE_VARIABLE}) with the same secret on every machine, \
             such as one that `openssl rand -hex 32` prints"
        )))
    }

    /// Adds encryption and the check of the secret to a server.
    ///
    /// # Errors
    /// Only if TLS cannot be set up.
    pub fn server(&self, server: Server) -> Result<Server, tonic::transport::Error> {
        match &self.tls {
            Some(tls) => server.tls_config(tls.server.clone()),
            None => Ok(server),
        }
    }

    /// Endpoint of the scheduler at `host:port`.
    ///
    /// # Errors
    /// If that is not an address.
    pub fn scheduler_endpoint(&self, place: &str) -> Result<Endpoint, ShellError> {
        match self.endpoint(place) {
            Ok(endpoint) => Ok(endpoint.timeout(REQUEST_TIMEOUT)),
            Err(error) => Err(ShellError::usage(format!(
                "'{place}' names no scheduler: {}",
                root_cause(&error)
            ))),
        }
    }

    /// Replacement for Ballista's own endpoints of the scheduler; none is needed
    /// without a secret.
    pub fn scheduler_override(&self) -> Option<EndpointOverrideFn> {
        self.endpoint_override(Some(REQUEST_TIMEOUT))
    }

    /// Replacement for Ballista's own endpoints of executors, which may take long
    /// to send a result; none is needed without a secret.
    pub fn executor_override(&self) -> Option<EndpointOverrideFn> {
        self.endpoint_override(None)
    }

    /// Ballista makes endpoints for `http`, and TLS needs `https`, which cannot be
    /// changed in an endpoint.
    fn endpoint_override(&self, timeout: Option<Duration>) -> Option<EndpointOverrideFn> {
        if !self.is_encrypted() {
            return None;
        }
        let transport = self.clone();
        Some(Arc::new(
            move |given: Endpoint| -> Result<Endpoint, Box<dyn Error + Send + Sync>> {
                let place = given.uri().authority().map(ToString::to_string);
                let endpoint = transport.endpoint(&place.unwrap_or_default())?;
                Ok(match timeout {
                    Some(timeout) => endpoint.timeout(timeout),
                    None => endpoint,
                })
            },
        ))
    }

    fn endpoint(&self, place: &str) -> Result<Endpoint, tonic::transport::Error> {
        let scheme = if self.is_encrypted() { "https" } else { "http" };
        let endpoint = Endpoint::from_shared(format!("{scheme}://{place}"))?
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

    /// Connects to the scheduler at `host:port`, and checks that it is one.
    ///
    /// # Errors
    /// See [`ConnectError`].
    pub async fn connect(&self, place: &str) -> Result<Channel, ConnectError> {
        let endpoint = self
            .scheduler_endpoint(place)
            .map_err(|error| ConnectError::Rejected(error.message))?;
        let channel = match endpoint.connect().await {
            Ok(channel) => channel,
            Err(error) => return Err(self.connect_error(place, &error)),
        };
        match status(&channel, HEALTH_PATH).await {
            Ok(StatusCode::OK) => Ok(channel),
            Ok(_) => Err(ConnectError::Rejected(format!(
                "what listens on {place} is no scheduler of semql or Ballista"
            ))),
            Err(error) => Err(self.no_answer(place, &error)),
        }
    }

    fn connect_error(&self, place: &str, error: &tonic::transport::Error) -> ConnectError {
        let cause = root_cause(error);
        let plain_peer = match find_tls_error(error) {
            Some(rustls::Error::InvalidCertificate(_)) => {
                return ConnectError::Rejected(format!(
                    "the scheduler at {place} has another secret than this process; \
                     start both with the same one (--secret-file, {SECRET_FILE_VARIABLE})"
                ));
            }
            Some(rustls::Error::InvalidMessage(_)) => true,
            Some(_) => {
                return ConnectError::Rejected(format!(
                    "the scheduler at {place} and this process cannot agree on encryption: {cause}"
                ));
            }
            None => self.is_encrypted() && is_closed_early(error),
        };
        match plain_peer {
            true => ConnectError::Rejected(format!(
                "what listens on {place} was started without a secret, and this process has one; \
                 start it with --secret-file, or unset {SECRET_FILE_VARIABLE} here"
            )),
            false => ConnectError::Absent {
                place: place.to_string(),
                cause,
            },
        }
    }

    /// Error of a process that takes connections and does not answer. To one
    /// without the secret, a scheduler with a secret looks like that.
    fn no_answer(&self, place: &str, error: &tonic::transport::Error) -> ConnectError {
        let cause = root_cause(error);
        ConnectError::Rejected(match self.is_encrypted() {
            true => format!("the scheduler at {place} does not answer: {cause}"),
            false => format!(
                "what listens on {place} does not answer as a scheduler without a secret ({cause}); \
                 if it has a secret, name a file with the same one (--secret-file, {SECRET_FILE_VARIABLE})"
            ),
        })
    }
}

/// Status of the answer to `GET path`.
///
/// # Errors
/// If there is no answer.
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

/// Text of the innermost error; those around it are no more than "transport error".
pub fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Error of TLS within an error of the transport.
fn find_tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    chain(error).find_map(|error| match error.downcast_ref::<io::Error>() {
        // The chain skips the error directly within an `io::Error`.
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

/// The error and its sources.
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

    /// Address of a server that answers as a scheduler does.
    async fn serve(transport: &Transport) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let mut server = transport.server(Server::builder()).unwrap();
        let router = AxumRouter::new().route(HEALTH_PATH, get(|| async { StatusCode::OK }));
        let served = server
            .add_routes(Routes::from(router))
            .serve_with_incoming(TcpIncoming::from(listener));
        tokio::spawn(served);
        place
    }

    async fn rejection(transport: &Transport, place: &str) -> String {
        match transport.connect(place).await {
            Err(ConnectError::Rejected(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn equal_secrets_connect_and_others_do_not() {
        let place = serve(&encrypted("one secret of a cluster")).await;
        let same = encrypted(" one secret of a cluster\n");
        assert!(same.connect(&place).await.is_ok());
        let other = rejection(&encrypted("another secret of a cluster"), &place).await;
        assert!(other.contains("has another secret"), "{other}");
        let none = rejection(&Transport::default(), &place).await;
        assert!(none.contains("if it has a secret"), "{none}");
    }

    #[tokio::test]
    async fn a_client_without_the_certificate_is_refused() {
        let text = "one secret of a cluster";
        let place = serve(&encrypted(text)).await;
        let pem = self_signed(&secret(text).seed()).unwrap();
        let tls = ClientTlsConfig::new()
            .domain_name(SERVER_NAME)
            .ca_certificate(Certificate::from_pem(pem.certificate));
        let endpoint = Endpoint::from_shared(format!("https://{place}")).unwrap();
        let answered = match endpoint.tls_config(tls).unwrap().connect().await {
            Ok(channel) => status(&channel, HEALTH_PATH).await.is_ok(),
            Err(_) => false,
        };
        assert!(!answered);
    }

    #[tokio::test]
    async fn a_scheduler_without_a_secret_is_recognized() {
        let plain = Transport::default();
        let place = serve(&plain).await;
        assert!(plain.connect(&place).await.is_ok());
        let why = rejection(&encrypted("one secret of a cluster"), &place).await;
        assert!(why.contains("was started without a secret"), "{why}");
    }

    #[tokio::test]
    async fn nothing_there_is_not_a_rejection() {
        for transport in [Transport::default(), encrypted("one secret of a cluster")] {
            let error = transport.connect("127.0.0.1:1").await.unwrap_err();
            assert!(matches!(error, ConnectError::Absent { .. }), "{error:?}");
        }
    }

    #[test]
    fn other_machines_need_a_secret() {
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
        let place = replaced.uri().authority().map(ToString::to_string);
        assert_eq!(place.as_deref(), Some("10.0.0.1:50051"));
    }
}
