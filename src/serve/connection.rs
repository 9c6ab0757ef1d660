//! One client: its session, its settings, and what it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pgwire::api::ClientInfo;
use pgwire::error::{PgWireError, PgWireResult};
use tokio::sync::OwnedSemaphorePermit;

use super::cursor::Cursors;
use super::door::House;
use super::errors::{self, State};
use super::settings::Settings;
use super::stop::{Asked, Place, Stop};
use crate::error::Result;
use crate::session::Session;
use crate::statement::set;
use crate::task::Running;

pub struct Connection {
    pub house: Arc<House>,
    pub stop: Stop,
    pub settings: Mutex<Settings>,
    pub cursors: Mutex<Cursors>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    inside: Mutex<Option<Inside>>,
}

/// What a client has once it is let in.
struct Inside {
    session: Arc<Session>,
    _place: Place,
}

impl Connection {
    pub fn new(house: Arc<House>) -> Self {
        Self {
            house,
            stop: Stop::default(),
            settings: Mutex::default(),
            cursors: Mutex::default(),
            permit: Mutex::default(),
            inside: Mutex::default(),
        }
    }

    /// Takes one of the places there are, for good.
    ///
    /// # Errors
    /// If all are taken.
    pub fn take_place(&self) -> PgWireResult<()> {
        let mut permit = lock(&self.permit);
        if permit.is_none() {
            let places = Arc::clone(&self.house.places);
            *permit = Some(places.try_acquire_owned().map_err(|_| {
                let most = self.house.max_connections;
                errors::fatal(
                    State::TooManyConnections,
                    format!(
                        "all {most} connections are taken (--max-connections); try again later"
                    ),
                )
            })?);
        }
        Ok(())
    }

    /// Gives the client its session; it has shown who it is.
    ///
    /// # Errors
    /// If the settings that it asks for cannot be.
    pub async fn enter(&self, client: &impl ClientInfo) -> PgWireResult<()> {
        let session = Arc::new(self.house.session.beside());
        let asked = client.metadata().get("options");
        for (key, value) in asked.map(|text| options(text)).unwrap_or_default() {
            self.assign(&session, key, &value)
                .await
                .map_err(|error| errors::fatal(State::InvalidParameter, error.message))?;
        }
        if let Some(name) = client.metadata().get("application_name") {
            lock(&self.settings).put("application_name", name);
        }
        let (pid, secret) = client.pid_and_secret_key();
        let place = self.house.stops.enter(pid, secret, self.stop.clone());
        *lock(&self.inside) = Some(Inside {
            session,
            _place: place,
        });
        Ok(())
    }

    async fn assign(&self, session: &Session, key: &str, value: &str) -> Result<()> {
        if lock(&self.settings).put(key, value) {
            return Ok(());
        }
        set::assign(session, key, value).await
    }

    /// The client's session.
    ///
    /// # Errors
    /// If it has not shown who it is.
    pub fn session(&self) -> PgWireResult<Arc<Session>> {
        match &*lock(&self.inside) {
            Some(inside) => Ok(Arc::clone(&inside.session)),
            None => Err(errors::fatal(
                State::ProtocolViolation,
                "nobody has logged in on this connection",
            )),
        }
    }

    /// Forgets what the client has set, declared and prepared.
    pub fn reset(&self) {
        if let Some(inside) = &mut *lock(&self.inside) {
            inside.session = Arc::new(self.house.session.beside());
        }
        *lock(&self.settings) = Settings::default();
        *lock(&self.cursors) = Cursors::default();
    }
}

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `-c key=value` and `--key=value` in the options that a client starts with.
fn options(text: &str) -> HashMap<&str, String> {
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
/// hold up a wish to stop. It ends when nobody waits for it any more.
///
/// # Errors
/// Those of `work`, and the wish.
pub async fn run<T: Send + 'static>(
    mut asked: Asked,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> PgWireResult<T> {
    let mut running = Running::start(work);
    tokio::select! {
        done = running.done() => match done {
            Ok(done) => done.map_err(errors::wire),
            Err(_) => Err(errors::internal()),
        },
        () = asked.asked() => Err(PgWireError::QueryCanceled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_pairs() {
        let found = options("-c ai.device=cpu --geqo=off -cdatestyle=ISO,\\ MDY");
        assert_eq!(found["ai.device"], "cpu");
        assert_eq!(found["geqo"], "off");
        assert_eq!(found["datestyle"], "ISO,");
        assert!(options("nothing").is_empty());
    }
}
