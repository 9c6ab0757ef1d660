//! Runner of statements: a session, a cancellation token and an observer.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, SchemaRef};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::scalar::ScalarValue;
use tokio_util::sync::CancellationToken;

use super::context::StatementContext;
use super::observer::{StatementObserver, Unobserved};
use super::outcome::Outcome;
use super::parameters::PreparedPlan;
use super::parsed::Statement;
use super::{parser, query, run};
use crate::error::{Result, ShellError};
use crate::inference_notices::InferenceNotices;
use crate::session::Session;
use crate::task::{BackgroundTask, ReadAhead};

/// Runs the statements of a front end in a session. Each runs in a separate task,
/// so that work without await points, such as loading a model, cannot delay a
/// cancellation. Dropping a future or a stream of the runner aborts its work.
#[derive(Clone)]
pub struct StatementRunner {
    context: StatementContext,
    cancellation: CancellationToken,
    notices: Arc<Mutex<InferenceNotices>>,
}

/// Outcome of the last statement of a text.
pub struct TextOutcome {
    pub outcome: Outcome,
    /// Whether its rows become the table `_` of the prompt.
    pub keeps_result: bool,
    /// Whether its rows are the lines of a plan.
    pub is_plan: bool,
}

impl StatementRunner {
    pub fn new(
        session: Arc<Session>,
        cancellation: CancellationToken,
        observer: Arc<dyn StatementObserver>,
    ) -> Self {
        Self {
            context: StatementContext { session, observer },
            cancellation,
            notices: Arc::default(),
        }
    }

    /// Runner without an observer.
    pub fn unobserved(session: Arc<Session>, cancellation: CancellationToken) -> Self {
        Self::new(session, cancellation, Arc::new(Unobserved))
    }

    /// The same runner with another cancellation token.
    pub fn with_cancellation(&self, cancellation: CancellationToken) -> Self {
        Self {
            cancellation,
            ..self.clone()
        }
    }

    pub fn session(&self) -> &Arc<Session> {
        &self.context.session
    }

    /// Runs a statement. Its rows are a stream that reads a little ahead, and
    /// fails once the token is cancelled.
    ///
    /// # Errors
    /// What the policy refuses; any error of the statement; its cancellation.
    pub async fn run(&self, statement: Statement) -> Result<Outcome> {
        let (scope, context) = (self.begin(), self.context.clone());
        let outcome = self.supervise(&scope, async move { run::run(&context, &statement).await });
        let outcome = outcome.await?;
        Ok(self.supervised(outcome, scope))
    }

    /// Runs all statements of a text, and returns the outcome of the last one.
    ///
    /// # Errors
    /// The first error; the cancellation.
    pub async fn run_text(&self, text: &str) -> Result<TextOutcome> {
        let (scope, context) = (self.begin(), self.context.clone());
        let text = text.to_string();
        let last = self.supervise(&scope, async move {
            let mut statements = parser::parse(&text)?;
            let Some(last) = statements.pop() else {
                return Ok(TextOutcome {
                    outcome: Outcome::done(""),
                    keeps_result: false,
                    is_plan: false,
                });
            };
            for statement in statements {
                run::run(&context, &statement).await?.drain().await?;
            }
            Ok(TextOutcome {
                outcome: run::run(&context, &last).await?,
                keeps_result: last.keeps_result(),
                is_plan: last.is_explain(),
            })
        });
        let last = last.await?;
        Ok(TextOutcome {
            outcome: self.supervised(last.outcome, scope),
            ..last
        })
    }

    /// Plans a statement whose parameters get their values later; `None` if it has no
    /// plan.
    ///
    /// # Errors
    /// As [`PreparedPlan::prepare`]; the cancellation.
    pub async fn prepare(
        &self,
        statement: Statement,
        declared: Vec<Option<DataType>>,
    ) -> Result<Option<PreparedPlan>> {
        let (scope, session) = (self.begin(), Arc::clone(self.session()));
        let prepared = self.supervise(&scope, async move {
            PreparedPlan::prepare(&session, &statement, &declared).await
        });
        let prepared = prepared.await?;
        scope.complete();
        Ok(prepared)
    }

    /// Runs a prepared statement with these values, as [`run`](Self::run) does.
    ///
    /// # Errors
    /// As [`PreparedPlan::bind`] and [`run`](Self::run).
    pub async fn run_prepared(
        &self,
        prepared: Arc<PreparedPlan>,
        values: Vec<ScalarValue>,
    ) -> Result<Outcome> {
        let (scope, context) = (self.begin(), self.context.clone());
        let outcome = self.supervise(&scope, async move {
            let plan = prepared.bind(&context.session, values).await?;
            query::run_plan(&context, plan).await
        });
        let outcome = outcome.await?;
        Ok(self.supervised(outcome, scope))
    }

    /// Runs an INSERT with other rows in place of its parameters.
    ///
    /// # Errors
    /// As [`PreparedPlan::with_rows`] and [`run`](Self::run).
    pub async fn run_rows(
        &self,
        prepared: Arc<PreparedPlan>,
        schema: SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Result<Outcome> {
        let plan = prepared.with_rows(schema, batches)?;
        self.run_plan(plan).await
    }

    /// Runs a plan, as [`run`](Self::run) does.
    async fn run_plan(&self, plan: LogicalPlan) -> Result<Outcome> {
        let (scope, context) = (self.begin(), self.context.clone());
        let outcome = self.supervise(&scope, async move { query::run_plan(&context, plan).await });
        let outcome = outcome.await?;
        Ok(self.supervised(outcome, scope))
    }

    /// Reports the notices about inference that are new to the observer.
    pub fn report_notices(&self) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        for text in notices.take(&self.context.session.ai) {
            self.context.observer.notice(&text);
        }
    }

    fn begin(&self) -> StatementScope {
        let token = CancellationToken::new();
        self.context.session.cancel_with(token.clone());
        StatementScope {
            context: self.context.clone(),
            token,
            complete: false,
        }
    }

    /// Runs `work` in a separate task up to its end or the cancellation.
    async fn supervise<T: Send + 'static>(
        &self,
        scope: &StatementScope,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let mut task = BackgroundTask::spawn(work);
        tokio::select! {
            biased;
            () = self.cancellation.cancelled() => {
                scope.token.cancel();
                task.stop().await;
                Err(ShellError::interrupted())
            }
            done = task.join() => done?,
        }
    }

    /// The outcome with rows that read ahead and end with the cancellation.
    fn supervised(&self, outcome: Outcome, scope: StatementScope) -> Outcome {
        match outcome {
            Outcome::Rows { schema, stream } => {
                let rows = StatementRows {
                    batches: ReadAhead::of(stream),
                    cancellation: self.cancellation.clone(),
                    scope,
                };
                let rows = futures::stream::unfold(Some(rows), StatementRows::next);
                let stream = RecordBatchStreamAdapter::new(Arc::clone(&schema), rows);
                let stream: SendableRecordBatchStream = Box::pin(stream);
                Outcome::Rows { schema, stream }
            }
            done @ Outcome::Done { .. } => {
                scope.complete();
                done
            }
        }
    }
}

/// Token of models, training and index building of one statement. It is cancelled
/// when the statement fails or its rows are dropped before their end.
struct StatementScope {
    context: StatementContext,
    token: CancellationToken,
    complete: bool,
}

impl StatementScope {
    /// Ends the scope of a complete statement. Its token stays uncancelled, since
    /// functions may hold it, such as those that a `SET` has configured.
    fn complete(mut self) {
        self.complete = true;
    }
}

impl Drop for StatementScope {
    fn drop(&mut self) {
        if !self.complete {
            self.token.cancel();
            self.context.session.cancel_with(CancellationToken::new());
        }
        self.context.observer.progress_ended();
    }
}

/// Rows of a statement that runs.
struct StatementRows {
    batches: ReadAhead,
    cancellation: CancellationToken,
    scope: StatementScope,
}

impl StatementRows {
    /// The next batch and the rest; there is no rest after an error.
    async fn next(rows: Option<Self>) -> Option<(DataFusionResult<RecordBatch>, Option<Self>)> {
        let mut rows = rows?;
        let next = tokio::select! {
            biased;
            () = rows.cancellation.cancelled() => None,
            batch = rows.batches.next() => Some(batch),
        };
        match next {
            Some(Some(Ok(batch))) => Some((Ok(batch), Some(rows))),
            Some(Some(Err(error))) => Some((Err(error), None)),
            Some(None) => {
                rows.scope.complete();
                None
            }
            None => {
                rows.scope.token.cancel();
                rows.batches.stop().await;
                let error = DataFusionError::External(Box::new(ShellError::interrupted()));
                Some((Err(error), None))
            }
        }
    }
}
