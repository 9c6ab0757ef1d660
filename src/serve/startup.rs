//! The greeting: TLS or not, a place, a password, the server's facts.

use std::fmt::Debug;
use std::sync::Arc;

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
use super::door::House;
use super::errors::{self, State};
use super::queries::Queries;
use super::settings;

/// What answers the messages of one connection.
pub struct Handlers {
    greeter: Arc<Greeter>,
    queries: Arc<Queries>,
}

impl Handlers {
    pub fn of(connection: Arc<Connection>) -> Self {
        Self {
            greeter: Arc::new(Greeter::new(Arc::clone(&connection))),
            queries: Arc::new(Queries::new(connection)),
        }
    }
}

impl PgWireServerHandlers for Handlers {
    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.greeter)
    }

    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.queries)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.queries)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.greeter.connection.house.stops)
    }
}

pub struct Greeter {
    connection: Arc<Connection>,
    facts: Arc<DefaultServerParameterProvider>,
    /// Asks for the password, where there is one.
    password: Option<SASLAuthStartupHandler<DefaultServerParameterProvider>>,
}

impl Greeter {
    fn new(connection: Arc<Connection>) -> Self {
        let facts = Arc::new(facts(&connection.house));
        let password = connection.house.users.clone().map(|users| {
            let mut scram = ScramAuth::new(users);
            if let Some(pem) = &connection.house.certificate {
                // A certificate of another kind than SCRAM can bind to still
                // serves TLS; the password is then not bound to it.
                let _ = scram.configure_certificate(pem);
            }
            SASLAuthStartupHandler::new(Arc::clone(&facts))
                .with_scram(scram)
                .with_pid_secret_key_generator(Arc::clone(&connection.house.pids) as _)
        });
        Self {
            connection,
            facts,
            password,
        }
    }

    async fn greet<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let first = matches!(client.state(), PgWireConnectionState::AwaitingStartup);
        match (&message, first) {
            (PgWireFrontendMessage::Startup(startup), true) => self.admit(client, startup)?,
            (PgWireFrontendMessage::PasswordMessageFamily(_), false) => {}
            _ => {
                return Err(errors::fatal(
                    State::ProtocolViolation,
                    "this message does not belong into the start of a connection",
                ));
            }
        }
        match (&self.password, &message) {
            (Some(password), _) => password.on_startup(client, message).await?,
            (None, PgWireFrontendMessage::Startup(startup)) => {
                protocol_negotiation(client, startup).await?;
                save_startup_parameters_to_metadata(client, startup);
                let (pid, secret) = self.connection.house.pids.generate(client);
                client.set_pid_and_secret_key(pid, secret);
                finish_authentication(client, self.facts.as_ref()).await?;
            }
            (None, _) => return Err(PgWireError::InvalidStartupMessage),
        }
        if matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            self.connection.enter(client).await?;
        }
        Ok(())
    }

    fn admit(&self, client: &impl ClientInfo, startup: &Startup) -> PgWireResult<()> {
        if self.connection.house.tls_only && !client.is_secure() {
            return Err(errors::fatal(
                State::NotAuthorized,
                "this server speaks TLS only; connect with sslmode=require or stricter",
            ));
        }
        if startup
            .parameters
            .get("replication")
            .is_some_and(|value| value != "false")
        {
            return Err(errors::fatal(
                State::NotSupported,
                "there is nothing to replicate",
            ));
        }
        self.connection.take_place()
    }
}

#[async_trait]
impl StartupHandler for Greeter {
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
        self.greet(client, message).await.map_err(errors::ending)
    }
}

fn facts(house: &House) -> DefaultServerParameterProvider {
    let mut facts = DefaultServerParameterProvider::default();
    facts.server_version = settings::SERVER_VERSION.to_string();
    facts.is_superuser = false;
    facts.default_transaction_read_only = !house.allow_writes;
    facts
}
