//! Metrics in the format of Prometheus, and health, over HTTP on a separate port.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::error::{Result, ShellError};
use crate::port;
use crate::session::Session;

/// How a connection attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum ConnectionOutcome {
    Authenticated,
    /// Too many connections, or too many unauthenticated ones.
    Refused,
    /// Authentication failed, or a message was malformed.
    Failed,
}

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum StatementOutcome {
    Ok,
    Error,
    Canceled,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectionLabels {
    outcome: ConnectionOutcome,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatementLabels {
    /// Command tag.
    kind: &'static str,
    outcome: StatementOutcome,
}

/// Metrics of the server.
pub struct Metrics {
    registry: Registry,
    session: Arc<Session>,
    connections: Gauge,
    attempts: Family<ConnectionLabels, Counter>,
    statements: Family<StatementLabels, Counter>,
    seconds: Histogram,
    rows: Counter,
    texts: Gauge,
    tokens: Gauge,
    model_milliseconds: Gauge,
    queued: Gauge,
    truncated: Gauge,
    failed: Gauge,
    models: Gauge,
    reserved: Gauge,
    resident: Gauge,
}

impl Metrics {
    pub fn new(session: Arc<Session>) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("semql"),
            session,
            connections: Gauge::default(),
            attempts: Family::default(),
            statements: Family::default(),
            seconds: Histogram::new(exponential_buckets(0.001, 4.0, 10)),
            rows: Counter::default(),
            texts: Gauge::default(),
            tokens: Gauge::default(),
            model_milliseconds: Gauge::default(),
            queued: Gauge::default(),
            truncated: Gauge::default(),
            failed: Gauge::default(),
            models: Gauge::default(),
            reserved: Gauge::default(),
            resident: Gauge::default(),
        };
        // Lists both families before the first event.
        let authenticated = ConnectionLabels {
            outcome: ConnectionOutcome::Authenticated,
        };
        metrics.attempts.get_or_create(&authenticated).inc_by(0);
        let answered = StatementLabels {
            kind: "SELECT",
            outcome: StatementOutcome::Ok,
        };
        metrics.statements.get_or_create(&answered).inc_by(0);
        let registry = &mut metrics.registry;
        registry.register(
            "connections",
            "Authenticated connections now",
            metrics.connections.clone(),
        );
        registry.register(
            "connection_attempts",
            "Connection attempts by outcome",
            metrics.attempts.clone(),
        );
        registry.register(
            "statements",
            "Statements by command tag and outcome",
            metrics.statements.clone(),
        );
        registry.register(
            "statement_seconds",
            "Time of statements until their last row was sent",
            metrics.seconds.clone(),
        );
        registry.register("rows", "Rows sent to clients", metrics.rows.clone());
        let gauges = [
            (
                "texts_encoded",
                "Texts that models have encoded",
                &metrics.texts,
            ),
            (
                "tokens_encoded",
                "Tokens that models have encoded",
                &metrics.tokens,
            ),
            (
                "model_milliseconds",
                "Time that models have computed",
                &metrics.model_milliseconds,
            ),
            (
                "texts_queued",
                "Texts that wait for a model now",
                &metrics.queued,
            ),
            (
                "texts_truncated",
                "Texts cut at a model's limit",
                &metrics.truncated,
            ),
            (
                "texts_failed",
                "Texts on which a model failed",
                &metrics.failed,
            ),
            ("models_loaded", "Models in memory now", &metrics.models),
            (
                "memory_reserved_bytes",
                "Memory that queries have reserved now",
                &metrics.reserved,
            ),
            (
                "process_resident_bytes",
                "Resident memory of the process now",
                &metrics.resident,
            ),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        metrics
    }

    /// Counts a connection attempt.
    pub fn connection_attempt(&self, outcome: ConnectionOutcome) {
        self.attempts
            .get_or_create(&ConnectionLabels { outcome })
            .inc();
        if outcome == ConnectionOutcome::Authenticated {
            self.connections.inc();
        }
    }

    /// Counts the end of an authenticated connection.
    pub fn disconnected(&self) {
        self.connections.dec();
    }

    /// Counts a statement that has ended.
    pub fn statement(
        &self,
        kind: &'static str,
        outcome: StatementOutcome,
        time: Duration,
        rows: u64,
    ) {
        self.statements
            .get_or_create(&StatementLabels { kind, outcome })
            .inc();
        self.seconds.observe(time.as_secs_f64());
        self.rows.inc_by(rows);
    }

    /// Metrics in the text format of Prometheus; `None` if encoding fails.
    fn text(&self) -> Option<String> {
        let progress = self.session.ai.progress();
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.texts.set(number(progress.texts_done));
        self.tokens.set(number(progress.tokens_done));
        let model_milliseconds = u64::try_from(progress.model_time.as_millis());
        self.model_milliseconds
            .set(number(model_milliseconds.unwrap_or(u64::MAX)));
        self.queued.set(number(progress.texts_queued));
        self.truncated.set(number(progress.truncated));
        self.failed.set(number(progress.failed));
        self.models
            .set(number(self.session.ai.loaded().len() as u64));
        let reserved = self.session.ctx.runtime_env().memory_pool.reserved();
        self.reserved.set(number(reserved as u64));
        self.resident.set(number(resident_bytes().unwrap_or(0)));
        let mut text = String::new();
        encode(&mut text, &self.registry).ok()?;
        Some(text)
    }
}

/// Resident memory of this process; `None` without `/proc`.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionOptions;

    #[tokio::test]
    async fn counts_are_written_for_prometheus() {
        let session = Session::open(&SessionOptions::default()).await.unwrap();
        let metrics = Metrics::new(Arc::new(session));
        metrics.connection_attempt(ConnectionOutcome::Authenticated);
        metrics.connection_attempt(ConnectionOutcome::Refused);
        metrics.statement("SELECT", StatementOutcome::Ok, Duration::from_millis(5), 3);
        let text = metrics.text().unwrap();
        for line in [
            "semql_connections 1",
            "semql_connection_attempts_total{outcome=\"Refused\"} 1",
            "semql_statements_total{kind=\"SELECT\",outcome=\"Ok\"} 1",
            "semql_rows_total 3",
            "semql_statement_seconds_count 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
