//! Start-up of a connection: TLS, password, slot, parameters of the server.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use futures::Sink;
use pgwire::api::auth::sasl::SASLAuthStartupHandler;
use pgwire::api::auth::sasl::scram::ScramAuth;
use pgwire::api::auth::{
    DefaultServerParameterProvider, StartupHandler, finish_authentication, protocol_negotiation,
    save_startup_parameters_to_metadata,
};
use pgwire::api::{ClientInfo, PgWireConnectionState, PidSecretKeyGenerator};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::Startup;
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

use super::connection::Connection;
use super::errors::{self, SqlState};
use super::settings;
use super::state::ServerState;

/// Authenticates the client of one connection.
pub struct Authenticator {
    connection: Arc<Connection>,
    parameters: Arc<DefaultServerParameterProvider>,
    /// SCRAM exchange; `None` on a server without passwords.
    password: Option<SASLAuthStartupHandler<DefaultServerParameterProvider>>,
    /// Password messages received.
    messages: AtomicU32,
}

impl Authenticator {
    pub fn new(connection: Arc<Connection>) -> Self {
        let parameters = Arc::new(parameters(&connection.server));
        let password = connection.server.users.clone().map(|users| {
            let mut scram = ScramAuth::new(users);
            if let Some(pem) = &connection.server.certificate {
                // A certificate that SCRAM cannot bind to still serves TLS, without
                // channel binding.
                let _ = scram.configure_certificate(pem);
            }
            SASLAuthStartupHandler::new(Arc::clone(&parameters))
                .with_scram(scram)
                .with_pid_secret_key_generator(Arc::clone(&connection.server.pids) as _)
        });
        Self {
            connection,
            parameters,
            password,
            messages: AtomicU32::new(0),
        }
    }

    async fn start<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let first = matches!(client.state(), PgWireConnectionState::AwaitingStartup);
        match (&message, first) {
            (PgWireFrontendMessage::Startup(startup), true) => {
                self.check_startup(client, startup)?
            }
            (PgWireFrontendMessage::PasswordMessageFamily(_), false) => {
                // The second message of SCRAM proves the password; a client takes
                // no slot before.
                if self.messages.fetch_add(1, Ordering::Relaxed) > 0 {
                    self.connection.take_slot()?;
                    let parameters = client.metadata();
                    self.connection
                        .prepare(
                            parameters.get("options"),
                            parameters.get("application_name"),
                        )
                        .await?;
                }
            }
            _ => {
                return Err(errors::fatal(
                    SqlState::ProtocolViolation,
                    "unexpected message during start-up",
                ));
            }
        }
        match (&self.password, &message) {
            (Some(password), _) => password.on_startup(client, message).await?,
            (None, PgWireFrontendMessage::Startup(startup)) => {
                self.connection.take_slot()?;
                let parameters = &startup.parameters;
                self.connection
                    .prepare(
                        parameters.get("options"),
                        parameters.get("application_name"),
                    )
                    .await?;
                protocol_negotiation(client, startup).await?;
                save_startup_parameters_to_metadata(client, startup);
                let (pid, secret) = self.connection.server.pids.generate(client);
                client.set_pid_and_secret_key(pid, secret);
                finish_authentication(client, self.parameters.as_ref()).await?;
            }
            (None, _) => return Err(PgWireError::InvalidStartupMessage),
        }
        if matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            self.connection.enter(client)?;
        }
        Ok(())
    }

    /// Refuses connections without TLS where it is required, and replication.
    fn check_startup(&self, client: &impl ClientInfo, startup: &Startup) -> PgWireResult<()> {
        if self.connection.server.tls_only && !client.is_secure() {
            return Err(errors::fatal(
                SqlState::NotAuthorized,
                "the server accepts TLS connections only; connect with sslmode=require or stricter",
            ));
        }
        if startup
            .parameters
            .get("replication")
            .is_some_and(|value| value != "false")
        {
            return Err(errors::fatal(
                SqlState::NotSupported,
                "replication is not supported",
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl StartupHandler for Authenticator {
    async fn on_startup<C>(
        &self,
        client: &mut C,
        message: PgWireFrontendMessage,
    ) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        // After an error that is not fatal, pgwire would take the next message
        // for a query.
        self.start(client, message).await.map_err(errors::ending)
    }
}

fn parameters(server: &ServerState) -> DefaultServerParameterProvider {
    let mut parameters = DefaultServerParameterProvider::default();
    parameters.server_version = settings::SERVER_VERSION.to_string();
    parameters.is_superuser = false;
    parameters.default_transaction_read_only = !server.session.policy.allows_writes();
    parameters
}
