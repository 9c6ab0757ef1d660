//! State of one connection: session, settings, cursors and transaction.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use datafusion::common::config::ConfigOptions;
use pgwire::api::ClientInfo;
use pgwire::error::PgWireResult;
use tokio::sync::OwnedSemaphorePermit;

use super::cancel::{CancelHandle, CancelToken, Registration};
use super::catalog::ClientContext;
use super::copy::PendingCopy;
use super::cursor::Cursors;
use super::errors::{self, SqlState};
use super::log::StatementLog;
use super::metrics::ConnectionOutcome;
use super::settings::ClientSettings;
use super::state::ServerState;
use crate::error::Result;
use crate::session::Session;
use crate::statement::parsed::Access;
use semql_udfs::inference::sync::lock;

/// State of one connection.
pub struct Connection {
    pub server: Arc<ServerState>,
    /// Number of the connection, for the log.
    pub id: u64,
    pub peer: SocketAddr,
    pub cancel: Arc<CancelHandle>,
    pub settings: Arc<Mutex<ClientSettings>>,
    pub cursors: Mutex<Cursors>,
    /// `COPY ... FROM STDIN` that waits for rows.
    pub copy: Mutex<Option<PendingCopy>>,
    transaction: Mutex<Option<Access>>,
    slot: Mutex<Option<OwnedSemaphorePermit>>,
    /// Session that the client gets once it has authenticated.
    prepared: Mutex<Option<Arc<Session>>>,
    authenticated: Mutex<Option<AuthenticatedSession>>,
    /// Held until the client has authenticated.
    unauthenticated: Mutex<Option<OwnedSemaphorePermit>>,
}

/// Settings of a client at its start.
struct InitialSettings {
    client: ClientSettings,
    engine: ConfigOptions,
}

/// State of a client that has authenticated.
struct AuthenticatedSession {
    session: Arc<Session>,
    user: String,
    /// What the functions of the catalogue know about the client.
    context: ClientContext,
    /// Settings at the start, to which `RESET ALL` returns.
    initial: InitialSettings,
    _registration: Registration,
}

impl Connection {
    pub fn new(
        server: Arc<ServerState>,
        id: u64,
        peer: SocketAddr,
        unauthenticated: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            server,
            id,
            peer,
            cancel: Arc::default(),
            settings: Arc::default(),
            cursors: Mutex::default(),
            copy: Mutex::default(),
            transaction: Mutex::default(),
            slot: Mutex::default(),
            prepared: Mutex::default(),
            authenticated: Mutex::default(),
            unauthenticated: Mutex::new(Some(unauthenticated)),
        }
    }

    /// Takes a connection slot until the connection ends.
    ///
    /// # Errors
    /// [`SqlState::TooManyConnections`].
    pub fn take_slot(&self) -> PgWireResult<()> {
        let mut slot = lock(&self.slot);
        if slot.is_none() {
            let slots = Arc::clone(&self.server.slots);
            *slot = Some(slots.try_acquire_owned().map_err(|_| {
                self.server
                    .metrics
                    .connection_attempt(ConnectionOutcome::Refused);
                let max = self.server.max_connections;
                errors::fatal(
                    SqlState::TooManyConnections,
                    format!("all {max} connections are taken (--max-connections); try again later"),
                )
            })?);
        }
        Ok(())
    }

    /// Prepares the session of a client with these start-up parameters, before
    /// the client receives the end of authentication.
    ///
    /// # Errors
    /// Settings that are unknown or not allowed.
    pub async fn prepare(
        &self,
        options: Option<&String>,
        application_name: Option<&String>,
    ) -> PgWireResult<()> {
        let session = Arc::new(self.server.session.beside());
        let settings = options.map(|text| settings_of(text));
        for (key, value) in settings.unwrap_or_default() {
            self.assign(&session, key, &value)
                .await
                .map_err(|error| errors::ending(errors::wire(error)))?;
        }
        if let Some(name) = application_name {
            // Any text is a valid name.
            let _ = lock(&self.settings).set("application_name", Some(name));
        }
        *lock(&self.prepared) = Some(session);
        Ok(())
    }

    /// Gives the client its session, after it has authenticated.
    ///
    /// # Errors
    /// If none has been prepared.
    pub fn enter(&self, client: &impl ClientInfo) -> PgWireResult<()> {
        let session = lock(&self.prepared).take();
        let session = session.ok_or_else(|| errors::ending(errors::internal()))?;
        let metadata = client.metadata();
        let user = metadata.get("user").cloned().unwrap_or_default();
        let (pid, secret) = client.pid_and_secret_key();
        let registration = self
            .server
            .cancels
            .register(pid, secret, Arc::clone(&self.cancel));
        tracing::info!(connection = self.id, peer = %self.peer, user = ?user, "connected");
        self.server
            .metrics
            .connection_attempt(ConnectionOutcome::Authenticated);
        let context = ClientContext {
            user: user.clone(),
            pid,
            peer: self.peer,
            settings: Arc::clone(&self.settings),
            catalogs: session.ctx.state().config().get_extension(),
        };
        describe_client(&session, &context);
        let initial = InitialSettings {
            client: lock(&self.settings).clone(),
            engine: session.ctx.state().config_options().as_ref().clone(),
        };
        *lock(&self.authenticated) = Some(AuthenticatedSession {
            session,
            user,
            context,
            initial,
            _registration: registration,
        });
        lock(&self.unauthenticated).take();
        Ok(())
    }

    async fn assign(&self, session: &Session, key: &str, value: &str) -> Result<()> {
        let changed = lock(&self.settings).set(key, Some(value))?;
        match changed {
            Some(_) => Ok(()),
            None => session.assign(key, Some(value)).await,
        }
    }

    /// The client's session.
    ///
    /// # Errors
    /// If it has not authenticated.
    pub fn session(&self) -> PgWireResult<Arc<Session>> {
        match &*lock(&self.authenticated) {
            Some(authenticated) => Ok(Arc::clone(&authenticated.session)),
            None => Err(errors::fatal(
                SqlState::ProtocolViolation,
                "this connection has not authenticated",
            )),
        }
    }

    /// Authenticated user; empty before authentication.
    pub fn user(&self) -> String {
        let authenticated = lock(&self.authenticated);
        authenticated
            .as_ref()
            .map_or_else(String::new, |authenticated| authenticated.user.clone())
    }

    pub fn is_authenticated(&self) -> bool {
        lock(&self.authenticated).is_some()
    }

    /// Resets session, settings, cursors and transaction.
    pub fn reset(&self) {
        if let Some(authenticated) = &mut *lock(&self.authenticated) {
            authenticated.session.rollback();
            authenticated.session = Arc::new(self.server.session.beside());
            describe_client(&authenticated.session, &authenticated.context);
        }
        *lock(&self.settings) = ClientSettings::default();
        *lock(&self.cursors) = Cursors::default();
        *lock(&self.transaction) = None;
    }

    /// Resets all settings to those at the start of the connection.
    pub fn reset_settings(&self) {
        let authenticated = lock(&self.authenticated);
        let Some(authenticated) = &*authenticated else {
            return;
        };
        let state = authenticated.session.ctx.state_ref();
        *state.write().config_mut().options_mut() = authenticated.initial.engine.clone();
        *lock(&self.settings) = authenticated.initial.client.clone();
    }

    /// Sets the access of the transaction; `None` is the default of the session.
    pub fn set_access(&self, access: Option<Access>) {
        *lock(&self.transaction) = access;
    }

    /// Whether the client has requested a read-only transaction.
    pub fn reads_only(&self) -> bool {
        let access = *lock(&self.transaction);
        match access {
            Some(access) => access == Access::ReadOnly,
            None => lock(&self.settings).default_read_only(),
        }
    }

    /// Shorter one of the timeouts of server and client.
    pub fn statement_timeout(&self) -> Option<Duration> {
        let client = lock(&self.settings).statement_timeout();
        let server = self.server.session.policy.statement_timeout;
        [client, server].into_iter().flatten().min()
    }

    /// Token of a statement that begins now.
    pub fn begin(&self) -> CancelToken {
        self.cancel.begin(self.statement_timeout())
    }

    /// Log of a statement that begins now.
    pub fn log<'a>(&'a self, kind: &'static str, text: &'a str) -> StatementLog<'a> {
        StatementLog {
            metrics: &self.server.metrics,
            connection: self.id,
            user: self.user(),
            kind,
            text: self.server.log_statements.then_some(text),
            started: Instant::now(),
        }
    }
}

/// Makes the client known to functions of the session's statements.
fn describe_client(session: &Session, context: &ClientContext) {
    let state = session.ctx.state_ref();
    let mut state = state.write();
    let options = state.config_mut().options_mut();
    options.extensions.insert(context.clone());
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(authenticated) = &*lock(&self.authenticated) {
            authenticated.session.rollback();
            self.server.metrics.disconnected();
            tracing::info!(connection = self.id, "disconnected");
        }
    }
}

/// Settings of the start-up parameter `options`: `-c key=value` and
/// `--key=value`.
fn settings_of(text: &str) -> HashMap<&str, String> {
    let mut words = text.split_whitespace();
    let mut all = HashMap::new();
    while let Some(word) = words.next() {
        let pair = match word {
            "-c" => words.next().unwrap_or_default(),
            _ => word.trim_start_matches("-c").trim_start_matches("--"),
        };
        if let Some((key, value)) = pair.split_once('=') {
            all.insert(key, value.replace('\\', ""));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_pairs() {
        let found = settings_of("-c ai.device=cpu --geqo=off -cdatestyle=ISO,\\ MDY");
        assert_eq!(found["ai.device"], "cpu");
        assert_eq!(found["geqo"], "off");
        assert_eq!(found["datestyle"], "ISO,");
        assert!(settings_of("nothing").is_empty());
    }
}
