//! Log of the server on standard error: connections, refusals, statements.
//!
//! A statement is logged when it has ended, by its kind and never by its text,
//! which may hold data: `--log-statements` adds it. Messages of errors name
//! columns and values, so the log has their SQLSTATE alone.

use std::sync::Arc;
use std::time::Instant;

use pgwire::error::{ErrorInfo, PgWireError};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::connection::Connection;
use super::errors::SqlState;
use super::metrics::StatementOutcome;

/// Sends what semql logs to standard error, a line each.
pub fn install() {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // ONNX Runtime and the web server log too, for developers.
    let own = Targets::new().with_target("semql", Level::INFO);
    // A program that brings a subscriber keeps it.
    let _ = tracing_subscriber::registry()
        .with(lines)
        .with(own)
        .try_init();
}

/// A statement under way, logged and counted when it has ended.
pub struct StatementLog<'a> {
    connection: &'a Arc<Connection>,
    kind: &'static str,
    text: &'a str,
    begun: Instant,
}

impl<'a> StatementLog<'a> {
    pub fn begin(connection: &'a Arc<Connection>, kind: &'static str, text: &'a str) -> Self {
        Self {
            connection,
            kind,
            text,
            begun: Instant::now(),
        }
    }

    pub fn done(self, rows: usize) {
        self.end(StatementOutcome::Ok, "00000", rows);
    }

    /// Logs the error and hands it on.
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
        let time = self.begun.elapsed();
        let server = &self.connection.server;
        server
            .metrics
            .statement(self.kind, outcome, time, rows as u64);
        let text = server.log_statements.then_some(self.text);
        tracing::info!(
            connection = self.connection.id,
            user = ?self.connection.user(),
            statement = self.kind,
            ms = time.as_millis() as u64,
            rows,
            outcome = ?outcome,
            sqlstate,
            text,
            "statement"
        );
    }
}
