//! Estimates of inference for `EXPLAIN`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use super::cascade;
use super::physical_call::ComputedColumn;

/// Estimate of the texts of an operator and, from earlier runs on this machine, of the
/// tokens and the time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InferenceEstimate {
    /// Upper bounds; `None` if the number of input rows is unknown.
    pub rows: Option<usize>,
    pub texts: Option<usize>,
    /// Whether a student answers most rows, so that the texts are those of the sample.
    pub is_sampled: bool,
    /// `None` before the model has run on this machine.
    pub cost: Option<InferenceCost>,
    /// Devices of the settings, such as `auto`, and precisions of the models.
    pub devices: BTreeSet<String>,
    pub precisions: BTreeSet<String>,
}

/// Tokens of the texts, and the time of the model for them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InferenceCost {
    pub tokens: u64,
    pub time: Duration,
}

impl InferenceEstimate {
    /// The estimate for `columns` over `input`.
    pub(super) fn new(input: &Arc<dyn ExecutionPlan>, columns: &[ComputedColumn]) -> Self {
        let rows = row_count(input);
        let mut estimate = Self {
            rows,
            texts: rows.map(|_| 0),
            ..Self::default()
        };
        for (at, column) in columns.iter().enumerate() {
            let Some(call) = column.call() else {
                continue;
            };
            estimate.devices.insert(call.settings.device.to_string());
            let model = call.planned_model.as_ref();
            estimate
                .precisions
                .extend(model.map(|model| model.precision.clone()));
            let Some(rows) = rows else {
                continue;
            };
            let sample = match cascade::applies(columns, at) {
                true => cascade::sample_size(rows),
                false => None,
            };
            estimate.is_sampled |= sample.is_some();
            let shortened = sample.map_or(0, |sample| cascade::shortened_rows(sample, rows));
            let texts = sample.unwrap_or(rows) * call.function.inputs_per_row() + shortened;
            estimate.texts = estimate.texts.map(|sum| sum + texts);
            if let Some(throughput) = call.runtime.throughput(&call.settings) {
                let tokens = (texts as f64 * throughput.tokens_per_text) as u64;
                let time = Duration::from_secs_f64(tokens as f64 / throughput.tokens_per_second);
                let cost = estimate.cost.get_or_insert_default();
                cost.tokens += tokens;
                cost.time += time;
            }
        }
        estimate
    }
}

/// Number of rows by the statistics of a plan; `None` if it is unknown.
pub(super) fn row_count(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let context = StatisticsContext::new();
    let statistics = context
        .compute(plan.as_ref(), &StatisticsArgs::new())
        .ok()?;
    statistics.num_rows.get_value().copied()
}

/// The estimate in the operator's line: `rows<=100, texts<=100, tokens~700,
/// seconds~0.2`; nothing if the number of rows is unknown.
impl fmt::Display for InferenceEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(rows), Some(texts)) = (self.rows, self.texts) else {
            return Ok(());
        };
        match self.is_sampled {
            false => write!(f, "rows<={rows}, texts<={texts}")?,
            true => write!(f, "mode=fast, rows<={rows}, texts~{texts}")?,
        }
        match self.cost {
            Some(InferenceCost { tokens, time }) => {
                write!(f, ", tokens~{tokens}, seconds~{:.1}", time.as_secs_f64())
            }
            None => Ok(()),
        }
    }
}
