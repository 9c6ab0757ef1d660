//! One client: its session, its settings, its transaction, and what it runs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pgwire::api::ClientInfo;
use pgwire::error::PgWireResult;
use tokio::sync::OwnedSemaphorePermit;

use super::cancel::{CancelHandle, CancelReason, CancelToken, Registration};
use super::cursor::Cursors;
use super::errors::{self, SqlState};
use super::listener::ServerState;
use super::metrics::ConnectionOutcome;
use super::settings::ClientSettings;
use crate::error::Result;
use crate::session::Session;
use crate::statement::parsed::Access;
use crate::statement::set;
use crate::task::Running;

pub struct Connection {
    pub server: Arc<ServerState>,
    /// Number of the connection, for the log.
    pub id: u64,
    pub peer: SocketAddr,
    pub cancel: Arc<CancelHandle>,
    pub settings: Mutex<ClientSettings>,
    pub cursors: Mutex<Cursors>,
    transaction: Mutex<Option<Access>>,
    slot: Mutex<Option<OwnedSemaphorePermit>>,
    /// The session that the client gets once it has authenticated.
    prepared: Mutex<Option<Arc<Session>>>,
    authenticated: Mutex<Option<AuthenticatedSession>>,
    /// Held until the client has authenticated.
    unauthenticated: Mutex<Option<OwnedSemaphorePermit>>,
}

/// What a client has once it has authenticated.
struct AuthenticatedSession {
    session: Arc<Session>,
    user: String,
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
            settings: Mutex::default(),
            cursors: Mutex::default(),
            transaction: Mutex::default(),
            slot: Mutex::default(),
            prepared: Mutex::default(),
            authenticated: Mutex::default(),
            unauthenticated: Mutex::new(Some(unauthenticated)),
        }
    }

    /// Takes a connection slot, for as long as the connection lasts.
    ///
    /// # Errors
    /// If all are taken.
    pub fn take_slot(&self) -> PgWireResult<()> {
        let mut slot = lock(&self.slot);
        if slot.is_none() {
            let slots = Arc::clone(&self.server.slots);
            *slot = Some(slots.try_acquire_owned().map_err(|_| {
                self.server
                    .metrics
                    .connection_attempt(ConnectionOutcome::Refused);
                let most = self.server.max_connections;
                errors::fatal(
                    SqlState::TooManyConnections,
                    format!(
                        "all {most} connections are taken (--max-connections); try again later"
                    ),
                )
            })?);
        }
        Ok(())
    }

    /// Prepares the session of a client with these start-up parameters, before
    /// the client receives the end of authentication.
    ///
    /// # Errors
    /// If the settings that it asks for cannot be.
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
            // A name is any text.
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
        *lock(&self.authenticated) = Some(AuthenticatedSession {
            session,
            user,
            _registration: registration,
        });
        lock(&self.unauthenticated).take();
        Ok(())
    }

    async fn assign(&self, session: &Session, key: &str, value: &str) -> Result<()> {
        let own = lock(&self.settings).set(key, Some(value))?;
        match own {
            Some(_) => Ok(()),
            None => set::assign(session, key, value).await,
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

    /// The user who has authenticated; empty before.
    pub fn user(&self) -> String {
        let authenticated = lock(&self.authenticated);
        authenticated
            .as_ref()
            .map_or_else(String::new, |authenticated| authenticated.user.clone())
    }

    pub fn is_authenticated(&self) -> bool {
        lock(&self.authenticated).is_some()
    }

    /// Forgets what the client has set, declared and prepared.
    pub fn reset(&self) {
        if let Some(authenticated) = &mut *lock(&self.authenticated) {
            authenticated.session = Arc::new(self.server.session.beside());
        }
        *lock(&self.settings) = ClientSettings::default();
        *lock(&self.cursors) = Cursors::default();
        *lock(&self.transaction) = None;
    }

    /// Begins or ends a transaction with this access; `None` is the session's.
    pub fn set_access(&self, access: Option<Access>) {
        *lock(&self.transaction) = access;
    }

    /// Whether the client itself has asked to read only.
    pub fn reads_only(&self) -> bool {
        let access = *lock(&self.transaction);
        match access {
            Some(access) => access == Access::ReadOnly,
            None => lock(&self.settings).default_read_only(),
        }
    }

    /// Time that a statement may take: the server's bound, and the client's
    /// where that is shorter.
    pub fn statement_timeout(&self) -> Option<Duration> {
        let own = lock(&self.settings).statement_timeout();
        let bound = self.server.session.policy.statement_timeout;
        [own, bound].into_iter().flatten().min()
    }

    /// Token of a statement that begins now.
    pub fn begin(&self) -> CancelToken {
        self.cancel.begin(self.statement_timeout())
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_authenticated() {
            self.server.metrics.disconnected();
            tracing::info!(connection = self.id, "disconnected");
        }
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `-c key=value` and `--key=value` in the options that a client starts with.
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

/// Runs `work` in a task of its own, so that work which does not pause cannot
/// delay a cancellation. It ends when the returned future is dropped.
///
/// # Errors
/// Those of `work`; the cancellation; that it panicked.
pub async fn run<T: Send + 'static>(
    token: &CancelToken,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> PgWireResult<T> {
    let mut running = Running::start(work);
    tokio::select! {
        biased;
        reason = token.cancelled() => {
            if reason == CancelReason::Shutdown {
                // The process ends soon: files under way are removed before.
                running.stop().await;
            }
            Err(reason.into())
        }
        done = running.done() => match done {
            Ok(done) => done.map_err(errors::wire),
            Err(_) => Err(errors::internal()),
        },
    }
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
