//! Endpoint of a language model: its client, and what its requests share.

use std::sync::atomic::AtomicBool;

use reqwest::Client;
use semql_inference::{Error, Result};
use tokio::sync::Semaphore;

use crate::http::http_client;
use crate::options::EndpointOptions;
use crate::response_format::AcceptedFormat;

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
        Ok(Self {
            client: http_client(&options.location)?,
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
