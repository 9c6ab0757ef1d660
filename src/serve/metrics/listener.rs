//! HTTP listener of `/metrics` and `/health`.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Metrics;
use crate::error::{Result, ShellError};
use crate::port;

/// Port for `/health` and `/metrics`.
pub struct MetricsListener {
    listener: StdListener,
    address: SocketAddr,
}

impl MetricsListener {
    /// Binds the port.
    ///
    /// # Errors
    /// If it cannot be bound.
    pub fn bind(address: &str) -> Result<Self> {
        let listener = StdListener::bind(address).map_err(|error| {
            ShellError::usage(format!(
                "--metrics-listen {address}: {}",
                port::bind_error(&error)
            ))
        })?;
        listener.set_nonblocking(true)?;
        Ok(Self {
            address: listener.local_addr()?,
            listener,
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}/metrics", self.address)
    }

    /// Serves until the process ends.
    ///
    /// # Errors
    /// If the port fails.
    pub async fn serve(self, metrics: Arc<Metrics>) -> Result<()> {
        let router = Router::new()
            .route("/health", get(|| async { "ok\n" }))
            .route("/metrics", get(metrics_text))
            .with_state(metrics);
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        axum::serve(listener, router).await?;
        Ok(())
    }
}

async fn metrics_text(State(metrics): State<Arc<Metrics>>) -> Response {
    const TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    match metrics.text() {
        Some(text) => ([(header::CONTENT_TYPE, TYPE)], text).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
