//! What `EXPLAIN` foretells of the operator's cost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use super::cascade;
use super::exec::Computed;

/// Rows and texts at most, and from the rate of earlier runs on this machine
/// the tokens and the time.
pub struct Estimate {
    rows: usize,
    texts: usize,
    /// Whether students answer for most rows; the texts are then the sample's.
    fast: bool,
    measured: Option<(u64, Duration)>,
}

/// The estimate for `columns` over `input`; `None` where nobody knows how many
/// rows there are.
pub fn estimate(input: &Arc<dyn ExecutionPlan>, columns: &[Computed]) -> Option<Estimate> {
    let statistics = StatisticsContext::new()
        .compute(input.as_ref(), &StatisticsArgs::new())
        .ok()?;
    let rows = *statistics.num_rows.get_value()?;
    let mut estimate = Estimate {
        rows,
        texts: 0,
        fast: false,
        measured: None,
    };
    for (at, column) in columns.iter().enumerate() {
        let Some(call) = column.call() else {
            continue;
        };
        let sample = cascade::applies(columns, at).then(|| cascade::sample_size(rows));
        let read = sample.flatten();
        estimate.fast |= read.is_some();
        let texts = read.unwrap_or(rows) * call.function.width();
        estimate.texts += texts;
        if let Some(rate) = call.runtime.rate(&call.settings) {
            let (tokens, time) = estimate.measured.unwrap_or_default();
            let more = (texts as f64 * rate.tokens_per_text) as u64;
            let longer = Duration::from_secs_f64(more as f64 / rate.tokens_per_second);
            estimate.measured = Some((tokens + more, time + longer));
        }
    }
    Some(estimate)
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fast {
            false => write!(f, "rows<={}, texts<={}", self.rows, self.texts)?,
            true => write!(f, "mode=fast, rows<={}, texts~{}", self.rows, self.texts)?,
        }
        match self.measured {
            Some((tokens, time)) => {
                write!(f, ", tokens~{tokens}, seconds~{:.1}", time.as_secs_f64())
            }
            None => Ok(()),
        }
    }
}
