//! Start of a connection: TLS, password, slot, and the parameters of the server.

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
use pgwire::api::cancel::CancelHandler;
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::{ClientInfo, PgWireConnectionState, PgWireServerHandlers, PidSecretKeyGenerator};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::Startup;
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};

use super::connection::Connection;
use super::errors::{self, SqlState};
use super::listener::ServerState;
use super::queries::Queries;
use super::settings;

/// What answers the messages of one connection.
pub struct Handlers {
    authenticator: Arc<Authenticator>,
    queries: Arc<Queries>,
}

impl Handlers {
    pub fn of(connection: Arc<Connection>) -> Self {
        Self {
            authenticator: Arc::new(Authenticator::new(Arc::clone(&connection))),
            queries: Arc::new(Queries::new(connection)),
        }
    }
}

impl PgWireServerHandlers for Handlers {
    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.authenticator)
    }

    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.queries)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.queries)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.authenticator.connection.server.cancels)
    }
}

pub struct Authenticator {
    connection: Arc<Connection>,
    parameters: Arc<DefaultServerParameterProvider>,
    /// Asks for the password, where there is one.
    password: Option<SASLAuthStartupHandler<DefaultServerParameterProvider>>,
    /// Password messages so far.
    messages: AtomicU32,
}

impl Authenticator {
    fn new(connection: Arc<Connection>) -> Self {
        let parameters = Arc::new(parameters(&connection.server));
        let password = connection.server.users.clone().map(|users| {
            let mut scram = ScramAuth::new(users);
            if let Some(pem) = &connection.server.certificate {
                // A certificate of another kind than SCRAM can bind to still
                // serves TLS; the password is then not bound to it.
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
            (PgWireFrontendMessage::Startup(startup), true) => self.check(client, startup)?,
            (PgWireFrontendMessage::PasswordMessageFamily(_), false) => {
                // SCRAM takes two messages of the client, and the second one
                // proves the password: a slot is taken no earlier than that.
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

    fn check(&self, client: &impl ClientInfo, startup: &Startup) -> PgWireResult<()> {
        if self.connection.server.tls_only && !client.is_secure() {
            return Err(errors::fatal(
                SqlState::NotAuthorized,
                "this server speaks TLS only; connect with sslmode=require or stricter",
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
        // A connection that fails here must not live on: what follows a
        // failure that does not end it is taken for a query.
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
