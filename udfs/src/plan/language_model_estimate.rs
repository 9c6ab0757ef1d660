//! Estimates of the calls of language models for `EXPLAIN`, and before a query.

use std::fmt;
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;

use super::estimate::row_count;
use super::physical_call::ComputedColumn;
use super::task_call::TaskCall;
use super::task_student::sample_rows;

/// Characters of a text, for estimates.
const CHARS_PER_TEXT: f64 = 120.0;

/// Estimate of the calls of one column. Its texts leave the process.
#[derive(Clone, Debug, PartialEq)]
pub struct LanguageModelEstimate {
    pub model: String,
    pub location: String,
    /// Upper bound; `None` if the number of input rows is unknown.
    pub calls: Option<usize>,
    pub tokens: Option<u64>,
    /// Whether a student answers most rows.
    pub is_sampled: bool,
}

impl LanguageModelEstimate {
    /// The estimate of a task over `rows` rows; `None` without a language model.
    fn new(call: &TaskCall, rows: Option<usize>) -> Option<Self> {
        let (model, task) = call.task.language_model()?;
        let remaining = call.settings.max_calls;
        let calls = rows.map(|rows| {
            let rows = match call.is_fast() {
                true => {
                    let sample = sample_rows(rows, remaining).min(rows);
                    let rest = (rows - sample) as f64 * call.settings.fast_escalation.get();
                    sample + rest as usize
                }
                false => rows,
            };
            rows.min(remaining.map_or(usize::MAX, |calls| calls as usize))
        });
        let chars = CHARS_PER_TEXT * call.texts.len() as f64;
        Some(Self {
            model: model.options().name.clone(),
            location: model.options().location.to_string(),
            calls,
            tokens: calls.map(|calls| model.estimate_tokens(task, chars, calls)),
            is_sampled: call.is_fast(),
        })
    }
}

/// `llm at http://127.0.0.1:11434/v1, calls<=100, tokens~9000`.
impl fmt::Display for LanguageModelEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.model, self.location)?;
        if self.is_sampled {
            f.write_str(", mode=fast")?;
        }
        match (self.calls, self.tokens) {
            (Some(calls), Some(tokens)) => write!(f, ", calls<={calls}, tokens~{tokens}"),
            _ => f.write_str(", calls and tokens unknown"),
        }
    }
}

/// The estimates of `columns` over `input`.
pub fn column_estimates(
    input: &Arc<dyn ExecutionPlan>,
    columns: &[ComputedColumn],
) -> Vec<LanguageModelEstimate> {
    let mut tasks = columns.iter().filter_map(ComputedColumn::task).peekable();
    if tasks.peek().is_none() {
        return Vec::new();
    }
    let rows = row_count(input);
    tasks
        .filter_map(|task| LanguageModelEstimate::new(task, rows))
        .collect()
}
