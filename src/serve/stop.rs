//! Stopping what a connection runs: asked for by its client, on another
//! connection that knows the secret.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pgwire::api::cancel::CancelHandler;
use pgwire::messages::cancel::CancelRequest;
use pgwire::messages::startup::SecretKey;
use tokio::sync::watch;

use super::connection::lock;

/// Tells a connection to stop what it runs now.
#[derive(Clone)]
pub struct Stop(watch::Sender<u64>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

/// What one statement listens to. A request from before it began is not meant
/// for it.
#[derive(Clone)]
pub struct Asked(watch::Receiver<u64>);

impl Stop {
    pub fn ask(&self) {
        self.0.send_modify(|count| *count += 1);
    }

    pub fn begin(&self) -> Asked {
        Asked(self.0.subscribe())
    }
}

impl Asked {
    /// Waits until somebody asks.
    pub async fn asked(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The connections that can be asked.
#[derive(Default)]
pub struct Stops {
    all: Mutex<HashMap<i32, (SecretKey, Stop)>>,
}

/// A connection's place among them, until it ends.
pub struct Place {
    stops: Arc<Stops>,
    pid: i32,
}

impl Stops {
    pub fn enter(self: &Arc<Self>, pid: i32, secret: SecretKey, stop: Stop) -> Place {
        let mut all = lock(&self.all);
        all.insert(pid, (secret, stop));
        Place {
            stops: Arc::clone(self),
            pid,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = lock(&self.stops.all);
        all.remove(&self.pid);
    }
}

#[async_trait]
impl CancelHandler for Stops {
    async fn on_cancel_request(&self, request: CancelRequest) {
        let all = lock(&self.all);
        if let Some((secret, stop)) = all.get(&request.pid)
            && secret.eq_value(&request.secret_key)
        {
            stop.ask();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_secret_stops_and_only_what_runs() {
        let stops = Arc::new(Stops::default());
        let stop = Stop::default();
        let place = stops.enter(7, SecretKey::I32(42), stop.clone());
        let ask = async |pid, secret| {
            let request = CancelRequest::new(pid, SecretKey::I32(secret));
            stops.on_cancel_request(request).await;
        };
        ask(7, 42).await;
        let asked = stop.begin();
        ask(7, 41).await;
        ask(8, 42).await;
        assert!(!asked.0.has_changed().unwrap());
        // Older clients' secrets are numbers, and are read as bytes.
        let bytes = SecretKey::Bytes(42i32.to_be_bytes().to_vec().into());
        stops.on_cancel_request(CancelRequest::new(7, bytes)).await;
        assert!(asked.0.has_changed().unwrap());
        drop(place);
        let asked = stop.begin();
        ask(7, 42).await;
        assert!(!asked.0.has_changed().unwrap());
    }
}
