//! Count of the calls of a language model before the first one.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::TaskContext;
use semql_learning::extraction::{SourceTexts, has_text};
use tokio_util::sync::CancellationToken;

use crate::error::{Error, to_datafusion};
use crate::functions::TaskRun;
use crate::plan::physical_call::ComputedColumn;
use crate::plan::task_call::TaskCall;
use crate::row_sample::{RowHash, row_hash};

/// Distinct rows of a column that need a call.
pub struct CallCounter {
    run: TaskRun,
    seen: HashSet<RowHash>,
    needed: HashSet<RowHash>,
}

/// By column: a counter, where `ai.max_calls` bounds the calls of a language model.
///
/// # Errors
/// A cache that cannot be used.
pub fn call_counters(
    columns: &[ComputedColumn],
    cancel: &CancellationToken,
) -> Result<Vec<Option<CallCounter>>> {
    let counter = |column: &ComputedColumn| {
        let task = column
            .task()
            .filter(|task| task.counts_calls() && !task.is_fast());
        task.map(|task| {
            Ok(CallCounter {
                run: TaskRun::new(&task.runtime, &task.settings, cancel, None)?,
                seen: HashSet::new(),
                needed: HashSet::new(),
            })
        })
        .transpose()
    };
    columns.iter().map(counter).collect()
}

impl CallCounter {
    /// Adds the rows of a batch.
    pub fn add_rows(&mut self, call: &TaskCall, rows: &[SourceTexts<'_>]) {
        let Some((model, task)) = call.task.language_model() else {
            return;
        };
        for row in rows {
            let hash = row_hash(0, row);
            if has_text(row) && self.seen.insert(hash) {
                let one = std::slice::from_ref(row);
                if model.uncached(task, one, &call.columns, &self.run.context) > 0 {
                    self.needed.insert(hash);
                }
            }
        }
    }

    /// Adds the rows of another partition.
    pub fn merge(&mut self, other: Self) {
        self.needed.extend(other.needed);
    }

    /// Checks that the budget of the query is large enough.
    ///
    /// # Errors
    /// [`Error::Forbidden`] with the number of calls.
    pub fn check(&self, call: &TaskCall, query: &Arc<TaskContext>) -> Result<()> {
        let budget = call
            .runtime
            .call_budgets()
            .of(query, call.settings.max_calls)
            .budget;
        let needed = self.needed.len() as u64;
        match budget.remaining() {
            Some(remaining) if needed > remaining => Err(to_datafusion(Error::Forbidden(format!(
                "the query needs {needed} calls of a language model, and ai.max_calls leaves {remaining}; \
                 raise it, read fewer rows, or SET ai.mode = 'fast'"
            )))),
            _ => Ok(()),
        }
    }
}
