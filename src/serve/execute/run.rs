//! Statements in the client's session: checks, planning and execution.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::scalar::ScalarValue;
use pgwire::error::PgWireResult;
use tokio_util::sync::CancellationToken;

use super::response::Response;
use crate::error::Result;
use crate::serve::cancel::{CancelReason, CancelToken};
use crate::serve::connection::Connection;
use crate::serve::errors::{self, SqlState};
use crate::serve::rows::ClientRows;
use crate::statement::prepared_statements::executed;
use crate::statement::{Effect, Outcome, PreparedPlan, Statement, StatementRunner};

impl Connection {
    /// Refuses a statement before it is planned.
    ///
    /// # Errors
    /// The refusal, with its code.
    pub fn check(&self, statement: &Statement) -> PgWireResult<()> {
        let queued = self.server.session.ai.progress().texts_queued;
        if queued > self.server.max_queued {
            return Err(errors::error(
                SqlState::QueueFull,
                format!(
                    "{queued} texts wait for a model (--max-queued is {}); try again later",
                    self.server.max_queued
                ),
            ));
        }
        if statement.effect() < Effect::Writes {
            return Ok(());
        }
        let policy = &self.server.session.policy;
        policy.check_write(statement.tag()).map_err(errors::wire)?;
        match self.reads_only() {
            true => Err(errors::error(
                SqlState::ReadOnly,
                format!(
                    "cannot execute {} in a read-only transaction",
                    statement.tag()
                ),
            )),
            false => Ok(()),
        }
    }

    /// Runs a statement in the client's session.
    ///
    /// # Errors
    /// A refusal; an error of the statement; its cancellation.
    pub(super) async fn run(
        &self,
        statement: &Statement,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        let (runner, cancellation) = self.runner()?;
        // EXECUTE counts as the statement that it executes.
        let named = executed(runner.session(), statement);
        let counted = named.as_ref().map_or(statement, |named| &named.statement);
        self.check(counted)?;
        let work = runner.run(statement.clone());
        let outcome = run_cancellable(token, &cancellation, work).await?;
        Ok(Response::of_outcome(counted, outcome))
    }

    /// Runner of one statement, and the token that cancels it.
    fn runner(&self) -> PgWireResult<(StatementRunner, CancellationToken)> {
        let cancellation = CancellationToken::new();
        let runner = StatementRunner::unobserved(self.session()?, cancellation.clone());
        Ok((runner, cancellation))
    }

    /// Plans a statement without values for its parameters; `None` if it has no
    /// plan. `declared` has the types that the client gives.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn prepare_plan(
        &self,
        statement: &Statement,
        declared: Vec<Option<DataType>>,
        token: &CancelToken,
    ) -> PgWireResult<Option<PreparedPlan>> {
        self.check(statement)?;
        let (runner, cancellation) = self.runner()?;
        let work = runner.prepare(statement.clone(), declared);
        run_cancellable(token, &cancellation, work).await
    }

    /// Runs a prepared statement with values for its parameters.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_prepared(
        &self,
        statement: &Statement,
        plan: Arc<PreparedPlan>,
        values: Vec<ScalarValue>,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        self.check(statement)?;
        let (runner, cancellation) = self.runner()?;
        let work = runner.run_prepared(plan, values);
        let outcome = run_cancellable(token, &cancellation, work).await?;
        Ok(Response::of_outcome(statement, outcome))
    }

    /// Runs an INSERT with the rows of a client, and gives their number.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) async fn run_rows(
        &self,
        statement: &Statement,
        plan: Arc<PreparedPlan>,
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
        token: &CancelToken,
    ) -> PgWireResult<usize> {
        self.check(statement)?;
        let (runner, cancellation) = self.runner()?;
        let work = runner.run_rows(plan, schema, batches);
        match run_cancellable(token, &cancellation, work).await? {
            Outcome::Done { rows, .. } => {
                Ok(usize::try_from(rows.unwrap_or(0)).unwrap_or(usize::MAX))
            }
            Outcome::Rows { .. } => Err(errors::internal()),
        }
    }

    /// Runs a query.
    ///
    /// # Errors
    /// As [`run`](Self::run); a statement without rows.
    pub(super) async fn rows(
        &self,
        statement: &Statement,
        token: &CancelToken,
    ) -> PgWireResult<ClientRows> {
        match self.run(statement, token).await? {
            Response::Rows(rows) => Ok(rows),
            _ => Err(errors::error(
                SqlState::SyntaxOrAccess,
                "this statement gives no rows",
            )),
        }
    }
}

/// Waits for the work of a runner, unless it is cancelled first. Dropping the
/// future aborts the work.
///
/// # Errors
/// Those of `work`; the cancellation.
async fn run_cancellable<T>(
    token: &CancelToken,
    cancellation: &CancellationToken,
    work: impl Future<Output = Result<T>>,
) -> PgWireResult<T> {
    tokio::pin!(work);
    tokio::select! {
        biased;
        reason = token.cancelled() => {
            if reason == CancelReason::Shutdown {
                // Removes partial files before the process ends.
                cancellation.cancel();
                let _ = work.await;
            }
            Err(reason.into())
        }
        done = &mut work => done.map_err(errors::wire),
    }
}
