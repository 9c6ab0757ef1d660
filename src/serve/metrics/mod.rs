//! Metrics of the server for Prometheus, and their HTTP listener.
//!
//! Names follow Prometheus: base units, `_total` for counters, the `process_`
//! metrics of every client library, `target_info` of OpenTelemetry. The buckets of
//! statements begin with those of OpenTelemetry's `db.client.operation.duration`.

pub mod listener;
mod process;
mod reading;
mod session;

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use process::ProcessCollector;
use session::SessionCollector;

use crate::session::Session;

/// Upper bounds of statement durations in seconds: those of OpenTelemetry, and those
/// of statements that ask a model about many rows.
const DURATION_BUCKETS: [f64; 12] = [
    0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 1800.0,
];

/// How a connection attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionOutcome {
    Authenticated,
    /// Too many connections, or too many unauthenticated ones.
    Refused,
    /// Authentication failed, or a message was malformed.
    Failed,
}

impl ConnectionOutcome {
    const ALL: [Self; 3] = [Self::Authenticated, Self::Refused, Self::Failed];

    fn labels(self) -> ConnectionLabels {
        let outcome = match self {
            Self::Authenticated => "authenticated",
            Self::Refused => "refused",
            Self::Failed => "failed",
        };
        ConnectionLabels { outcome }
    }
}

/// How a statement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatementOutcome {
    Ok,
    Error,
    Canceled,
}

impl StatementOutcome {
    const ALL: [Self; 3] = [Self::Ok, Self::Error, Self::Canceled];

    fn labels(self, operation: &'static str) -> StatementLabels {
        let outcome = match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Canceled => "canceled",
        };
        StatementLabels { operation, outcome }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectionLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatementLabels {
    /// Command tag.
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    /// Command tag.
    operation: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ErrorLabels {
    sqlstate: String,
}

/// Metrics of the server.
pub struct Metrics {
    registry: Registry,
    connections: Gauge,
    attempts: Family<ConnectionLabels, Counter>,
    statements: Family<StatementLabels, Counter>,
    durations: Family<OperationLabels, Histogram, fn() -> Histogram>,
    errors: Family<ErrorLabels, Counter>,
    rows: Counter,
}

impl Metrics {
    /// Metrics of a server with this session, which has `max_connections` slots.
    pub fn new(session: Arc<Session>, max_connections: usize) -> Self {
        let histogram: fn() -> Histogram = || Histogram::new(DURATION_BUCKETS);
        let mut metrics = Self {
            registry: Registry::default(),
            connections: Gauge::default(),
            attempts: Family::default(),
            statements: Family::default(),
            durations: Family::new_with_constructor(histogram),
            errors: Family::default(),
            rows: Counter::default(),
        };
        metrics.list_before_the_first_event();
        metrics.register(max_connections, session);
        metrics
    }

    /// Creates the series that dashboards expect at 0.
    fn list_before_the_first_event(&self) {
        for outcome in ConnectionOutcome::ALL {
            drop(self.attempts.get_or_create(&outcome.labels()));
        }
        for outcome in StatementOutcome::ALL {
            drop(self.statements.get_or_create(&outcome.labels("SELECT")));
        }
        let operation = "SELECT";
        drop(self.durations.get_or_create(&OperationLabels { operation }));
        let sqlstate = "57014".to_string();
        drop(self.errors.get_or_create(&ErrorLabels { sqlstate }));
    }

    fn register(&mut self, max_connections: usize, session: Arc<Session>) {
        let version = env!("CARGO_PKG_VERSION");
        let target = [("service_name", "semql"), ("service_version", version)];
        self.registry.register(
            "target",
            "Service of OpenTelemetry",
            Info::new(target.to_vec()),
        );
        let process = self.registry.sub_registry_with_prefix("process");
        process.register_collector(Box::new(ProcessCollector::new()));
        let semql = self.registry.sub_registry_with_prefix("semql");
        let build = Info::new(vec![("version", version)]);
        semql.register("build", "Version of the server", build);
        semql.register(
            "connections",
            "Authenticated connections now",
            self.connections.clone(),
        );
        semql.register(
            "connections_max",
            "Maximum number of authenticated connections",
            ConstGauge::new(max_connections as u64),
        );
        semql.register(
            "connection_attempts",
            "Connection attempts by outcome",
            self.attempts.clone(),
        );
        semql.register(
            "statements",
            "Statements by command tag and outcome",
            self.statements.clone(),
        );
        semql.register_with_unit(
            "statement_duration",
            "Time of statements until their last row was sent, by command tag",
            Unit::Seconds,
            self.durations.clone(),
        );
        semql.register(
            "statement_errors",
            "Statements that failed or were canceled, by SQLSTATE",
            self.errors.clone(),
        );
        semql.register("rows_sent", "Rows sent to clients", self.rows.clone());
        semql.register_collector(Box::new(SessionCollector(session)));
    }

    /// Counts a connection attempt.
    pub fn connection_attempt(&self, outcome: ConnectionOutcome) {
        self.attempts.get_or_create(&outcome.labels()).inc();
        if outcome == ConnectionOutcome::Authenticated {
            self.connections.inc();
        }
    }

    /// Counts the end of an authenticated connection.
    pub fn disconnected(&self) {
        self.connections.dec();
    }

    /// Counts a statement that has ended, with its command tag, SQLSTATE, duration and
    /// rows.
    pub fn statement(
        &self,
        operation: &'static str,
        outcome: StatementOutcome,
        sqlstate: &str,
        time: Duration,
        rows: u64,
    ) {
        self.statements
            .get_or_create(&outcome.labels(operation))
            .inc();
        self.durations
            .get_or_create(&OperationLabels { operation })
            .observe(time.as_secs_f64());
        if outcome != StatementOutcome::Ok {
            let sqlstate = sqlstate.to_string();
            self.errors.get_or_create(&ErrorLabels { sqlstate }).inc();
        }
        self.rows.inc_by(rows);
    }

    /// Metrics in the text format of Prometheus; `None` if encoding fails.
    fn text(&self) -> Option<String> {
        let mut text = String::new();
        encode(&mut text, &self.registry).ok()?;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::SessionOptions;

    #[tokio::test]
    async fn counts_are_written_for_prometheus() {
        let session = Session::open(&SessionOptions::default()).await.unwrap();
        let metrics = Metrics::new(Arc::new(session), 7);
        metrics.connection_attempt(ConnectionOutcome::Authenticated);
        metrics.connection_attempt(ConnectionOutcome::Refused);
        let time = Duration::from_millis(5);
        metrics.statement("SELECT", StatementOutcome::Ok, "00000", time, 3);
        metrics.statement("SELECT", StatementOutcome::Canceled, "57014", time, 0);
        let text = metrics.text().unwrap();
        for line in [
            "semql_connections 1",
            "semql_connections_max 7",
            "semql_connection_attempts_total{outcome=\"refused\"} 1",
            "semql_connection_attempts_total{outcome=\"failed\"} 0",
            "semql_statements_total{operation=\"SELECT\",outcome=\"ok\"} 1",
            "semql_statement_errors_total{sqlstate=\"57014\"} 1",
            "semql_rows_sent_total 3",
            "semql_statement_duration_seconds_count{operation=\"SELECT\"} 2",
            "# TYPE semql_model_seconds counter",
            "# UNIT semql_model_seconds seconds",
            "semql_texts_encoded_total 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}: {text}");
        }
    }
}
