//! Endpoint of a language model: its client, and what its requests share.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use reqwest::{Client, redirect};
use semql_inference::{Error, Result};
use tokio::sync::Semaphore;

use crate::options::EndpointOptions;
use crate::response_format::AcceptedFormat;

/// Time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Endpoint, shared by all queries.
#[derive(Debug)]
pub struct Endpoint {
    pub options: EndpointOptions,
    pub client: Client,
    /// Requests at a time, of all queries together.
    pub slots: Semaphore,
    pub format: AcceptedFormat,
    /// Whether the endpoint has ever answered.
    pub has_answered: AtomicBool,
}

impl Endpoint {
    /// A client of the endpoint. Sends nothing.
    ///
    /// # Errors
    /// [`Error::Setup`] if the client cannot be created.
    pub fn new(options: EndpointOptions) -> Result<Self> {
        let mut client = Client::builder()
            .user_agent(concat!("semql/", env!("CARGO_PKG_VERSION")))
            // A redirect could pass the key and the texts to another host.
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT);
        if options.is_loopback() {
            // The texts stay on this machine.
            client = client.no_proxy();
        }
        let client = client
            .build()
            .map_err(|e| Error::Setup(format!("cannot create an HTTP client: {e}")))?;
        Ok(Self {
            client,
            slots: Semaphore::new(options.concurrency),
            format: AcceptedFormat::new(options.json_schema),
            has_answered: AtomicBool::new(false),
            options,
        })
    }

    /// The key from the environment; `None` for an endpoint without one.
    ///
    /// # Errors
    /// [`Error::Setup`] for a variable that is not set.
    pub fn api_key(&self) -> Result<Option<String>> {
        let Some(variable) = &self.options.api_key_env else {
            return Ok(None);
        };
        match std::env::var(variable) {
            Ok(key) if !key.trim().is_empty() => Ok(Some(key.trim().to_string())),
            _ => Err(Error::Setup(format!(
                "the language model {} takes its key from the environment variable {variable}, which is not set",
                self.options.name
            ))),
        }
    }
}
