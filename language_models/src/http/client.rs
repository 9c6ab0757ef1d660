//! HTTP clients of services.

use std::time::Duration;

use reqwest::{Client, redirect};
use semql_inference::{Error, Result};
use url::Url;

use super::address::is_loopback;

/// Time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for the service at `address`. Follows no redirects, and sends nothing yet.
///
/// # Errors
/// [`Error::Setup`] if the client cannot be created.
pub fn http_client(address: &Url) -> Result<Client> {
    let mut client = Client::builder()
        .user_agent(concat!("semql/", env!("CARGO_PKG_VERSION")))
        // A redirect could pass the key and the texts to another host.
        .redirect(redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT);
    if is_loopback(address) {
        // What is sent stays on this machine.
        client = client.no_proxy();
    }
    client
        .build()
        .map_err(|e| Error::Setup(format!("cannot create an HTTP client: {e}")))
}
