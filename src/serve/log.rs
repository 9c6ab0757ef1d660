//! Log of the server on standard error: connections, refusals, statements.
//!
//! A statement is logged when it has ended, with its kind. Its text may hold
//! data, so only `--log-statements` adds it. Messages of errors name columns and
//! values, so the log has their SQLSTATE alone.

use std::time::Instant;

use pgwire::error::{ErrorInfo, PgWireError};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::errors::SqlState;
use super::metrics::{Metrics, StatementOutcome};

/// Writes the events of semql to standard error, one a line.
pub fn install() {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // Without the events of ONNX Runtime and the web server.
    let targets = Targets::new().with_target("semql", Level::INFO);
    // A program that has set a subscriber keeps it.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(targets)
        .try_init();
}

/// A running statement, logged and counted when it has ended.
pub struct StatementLog<'a> {
    pub metrics: &'a Metrics,
    /// Number of the connection.
    pub connection: u64,
    pub user: String,
    /// Command tag.
    pub kind: &'static str,
    /// Text of the statement, if the log has it.
    pub text: Option<&'a str>,
    pub started: Instant,
}

impl StatementLog<'_> {
    pub fn done(self, rows: usize) {
        self.end(StatementOutcome::Ok, "00000", rows);
    }

    /// Logs the error and returns it.
    pub fn failed(self, error: PgWireError) -> PgWireError {
        let info = match error {
            PgWireError::UserError(info) => info,
            other => Box::new(ErrorInfo::from(other)),
        };
        let outcome = match info.code == SqlState::Canceled.code() {
            true => StatementOutcome::Canceled,
            false => StatementOutcome::Error,
        };
        let code = info.code.clone();
        self.end(outcome, &code, 0);
        PgWireError::UserError(info)
    }

    fn end(self, outcome: StatementOutcome, sqlstate: &str, rows: usize) {
        let time = self.started.elapsed();
        self.metrics
            .statement(self.kind, outcome, sqlstate, time, rows as u64);
        tracing::info!(
            connection = self.connection,
            user = ?self.user,
            statement = self.kind,
            ms = time.as_millis() as u64,
            rows,
            outcome = ?outcome,
            sqlstate,
            text = self.text,
            "statement"
        );
    }
}
