//! Tasks over physical expressions.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_plan::PhysicalExpr;

use crate::functions::{RowTask, TextArgument};
use crate::runtime::Runtime;
use crate::settings::{Mode, Settings};

/// A task with its texts as expressions over the input.
#[derive(Clone)]
pub struct TaskCall {
    /// The call as `EXPLAIN` shows it.
    pub display_name: String,
    pub task: Arc<RowTask>,
    /// Names of the texts.
    pub columns: Vec<String>,
    pub runtime: Arc<Runtime>,
    pub settings: Settings,
    pub texts: Vec<Arc<dyn PhysicalExpr>>,
}

impl TaskCall {
    /// Evaluates the texts on a batch.
    ///
    /// # Errors
    /// Those of the expressions.
    pub fn texts(&self, batch: &RecordBatch) -> Result<Vec<TextArgument>> {
        let evaluate = |text: &Arc<dyn PhysicalExpr>| {
            let array = text.evaluate(batch)?.into_array(batch.num_rows())?;
            TextArgument::new(&ColumnarValue::Array(array))
        };
        self.texts.iter().map(evaluate).collect()
    }

    /// Whether a student of a language model answers most rows.
    pub fn is_fast(&self) -> bool {
        self.settings.mode == Mode::Fast
            && self.task.language_model().is_some()
            && self.task.has_student()
    }

    /// Whether the calls for all rows are counted before the first one.
    pub fn counts_calls(&self) -> bool {
        self.settings.max_calls.is_some() && self.task.language_model().is_some()
    }
}

impl fmt::Debug for TaskCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display_name)
    }
}
