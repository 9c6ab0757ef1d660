//! A run of a task: cancellation, budget, cache, counters.

use std::sync::Arc;

use datafusion::error::Result;
use semql_inference::{Error, OnError};
use semql_language_models::{CallMeter, CallReading, RequestContext};
use tokio_util::sync::CancellationToken;

use super::answer::RowAnswer;
use crate::call_budgets::QueryCalls;
use crate::error::to_datafusion;
use crate::runtime::Runtime;
use crate::settings::Settings;

/// A run of a task.
pub struct TaskRun {
    pub context: RequestContext,
    runtime: Arc<Runtime>,
    on_error: OnError,
}

impl TaskRun {
    /// A run with the cache of the settings. `calls` are those of the query; `None` for
    /// a call outside of the operator, which has the whole budget.
    ///
    /// # Errors
    /// A cache that cannot be used.
    pub fn new(
        runtime: &Arc<Runtime>,
        settings: &Settings,
        cancel: &CancellationToken,
        calls: Option<QueryCalls>,
    ) -> Result<Self> {
        let calls = calls.unwrap_or_else(|| QueryCalls::new(settings.max_calls));
        let cache = runtime.answer_cache(settings).map_err(to_datafusion)?;
        Ok(Self {
            context: RequestContext {
                cancel: runtime.cancellation(cancel),
                budget: calls.budget,
                cache: Some(cache.unwrap_or(calls.answers)),
                meter: Arc::<CallMeter>::default(),
            },
            runtime: Arc::clone(runtime),
            on_error: settings.on_error,
        })
    }

    /// Requests to language models so far.
    pub fn reading(&self) -> CallReading {
        self.context.meter.read()
    }

    /// Counts the failed rows.
    ///
    /// # Errors
    /// The first failure, with `ai.on_error = 'fail'`.
    pub fn record_failures(&self, answers: &[RowAnswer]) -> Result<()> {
        let mut failures = answers.iter().filter_map(|answer| match answer {
            RowAnswer::Failed(message) => Some(message),
            _ => None,
        });
        let Some(first) = failures.next() else {
            return Ok(());
        };
        if self.on_error == OnError::Fail {
            return Err(to_datafusion(Error::Failed(format!(
                "the language model failed on a row: {first}"
            ))));
        }
        let failed = 1 + failures.count() as u64;
        self.runtime.add_remote_failures(0, failed);
        self.runtime
            .add_notice(format!("The language model failed on a row: {first}"));
        Ok(())
    }
}
