//! Client of the REST API of an MLflow server.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Body, Client, RequestBuilder, Response};
use semql_udfs::language_models::http::{BodyError, http_client, innermost_cause, read_body};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::credentials::Credentials;
use super::error::TrackingError;
use super::server_message::ServerMessage;
use super::target::TrackingTarget;
use crate::environment::variable;
use crate::error::Result;

/// Bytes of the longest answer.
const MAX_ANSWER_BYTES: usize = 1 << 20;

/// Time for a request, unless `MLFLOW_HTTP_REQUEST_TIMEOUT` has another one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time that the variable can set.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);

/// Bytes a second of the slowest upload that does not time out.
const MIN_UPLOAD_RATE: u64 = 256 << 10;

/// Path of the API below the address of a server.
const API: &str = "api/2.0/mlflow";

/// Path of the proxy of artefacts.
const ARTIFACTS: &str = "api/2.0/mlflow-artifacts/artifacts";

/// Client of an MLflow server. It follows no redirects.
#[derive(Debug)]
pub struct MlflowClient {
    http: Client,
    server: Url,
    credentials: Option<Credentials>,
    timeout: Duration,
}

impl MlflowClient {
    /// A client of the server of `target`. Sends nothing yet.
    ///
    /// # Errors
    /// A failure of TLS.
    pub fn new(target: &TrackingTarget) -> Result<Self> {
        Ok(Self {
            http: http_client(&target.server)?,
            server: target.server.clone(),
            credentials: target.credentials.clone(),
            timeout: timeout(),
        })
    }

    /// Asks for `path` with `query`.
    ///
    /// # Errors
    /// See [`TrackingError`].
    pub async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, TrackingError> {
        let request = self
            .http
            .get(self.url(&format!("{API}/{path}")))
            .query(query);
        parse(&self.send(request, self.timeout).await?)
    }

    /// Sends `body` to `path`.
    ///
    /// # Errors
    /// See [`TrackingError`].
    pub async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<T, TrackingError> {
        let url = self.url(&format!("{API}/{path}"));
        let request = self.http.post(url).header(CONTENT_TYPE, "application/json");
        parse(
            &self
                .send(request.body(body.to_string()), self.timeout)
                .await?,
        )
    }

    /// Sends a file of `bytes` bytes to a path of the proxy of artefacts.
    ///
    /// # Errors
    /// See [`TrackingError`].
    pub async fn put_artifact(
        &self,
        path: &[&str],
        bytes: u64,
        content: impl Into<Body>,
    ) -> Result<(), TrackingError> {
        let mut url = self.url(ARTIFACTS);
        // An HTTP address always has segments.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        let request = self
            .http
            .put(url)
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(CONTENT_LENGTH, bytes)
            .body(content);
        let timeout = self.timeout + Duration::from_secs(bytes / MIN_UPLOAD_RATE);
        self.send(request, timeout).await?;
        Ok(())
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.server.clone();
        url.set_path(&format!(
            "{}/{path}",
            self.server.path().trim_end_matches('/')
        ));
        url
    }

    /// Sends a request, and returns the body of a successful answer.
    async fn send(
        &self,
        request: RequestBuilder,
        timeout: Duration,
    ) -> Result<Vec<u8>, TrackingError> {
        // A server may close a connection after an error, and while a training runs.
        let request = request.timeout(timeout).header(CONNECTION, "close");
        let request = match &self.credentials {
            Some(credentials) => credentials.authorize(request),
            None => request,
        };
        let failed = |error: &reqwest::Error| failure(error, timeout);
        let request = request.build().map_err(|e| failed(&e))?;
        let authorization = request.headers().get(AUTHORIZATION);
        let authorization = authorization.and_then(|value| value.to_str().ok());
        let encoded = authorization.and_then(|value| value.split_once(' '));
        let encoded = encoded.map(|(_, encoded)| encoded.to_string());
        let response = self.http.execute(request).await.map_err(|e| failed(&e))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(TrackingError::Redirect);
        }
        let body = body(response, timeout).await?;
        if status.is_success() {
            return Ok(body);
        }
        let secret = self.credentials.as_ref().map(Credentials::secret);
        let secrets: Vec<&str> = secret.into_iter().chain(encoded.as_deref()).collect();
        let ServerMessage { code, message } = ServerMessage::of(&body, &secrets);
        Err(TrackingError::Refused {
            status,
            code,
            message,
        })
    }
}

async fn body(response: Response, timeout: Duration) -> Result<Vec<u8>, TrackingError> {
    let body = read_body(response, MAX_ANSWER_BYTES).await;
    body.map_err(|error| match error {
        BodyError::TooLong => TrackingError::TooLong(MAX_ANSWER_BYTES),
        BodyError::Connection(error) => failure(&error, timeout),
    })
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, TrackingError> {
    serde_json::from_slice(body).map_err(|_| TrackingError::NotMlflow)
}

fn failure(error: &reqwest::Error, timeout: Duration) -> TrackingError {
    match error.is_timeout() && !error.is_connect() {
        true => TrackingError::Timeout(timeout),
        false => TrackingError::Connection(innermost_cause(error)),
    }
}

/// The time for a request: the seconds in `MLFLOW_HTTP_REQUEST_TIMEOUT`, as for other
/// clients of MLflow.
fn timeout() -> Duration {
    let seconds = variable("MLFLOW_HTTP_REQUEST_TIMEOUT");
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    match seconds {
        Some(seconds) if seconds > 0 => Duration::from_secs(seconds).min(MAX_TIMEOUT),
        _ => DEFAULT_TIMEOUT,
    }
}
