//! What `EXPLAIN` foretells of the operator's cost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

use super::exec::PhysicalCall;

/// Rows and texts at most, and from the rate of earlier runs on this machine
/// the tokens and the time.
pub struct Estimate {
    rows: usize,
    texts: usize,
    measured: Option<(u64, Duration)>,
}

/// The estimate for `calls` over `input`; `None` where nobody knows how many
/// rows there are.
pub fn estimate<'a>(
    input: &Arc<dyn ExecutionPlan>,
    calls: impl Iterator<Item = &'a PhysicalCall>,
) -> Option<Estimate> {
    let statistics = StatisticsContext::new()
        .compute(input.as_ref(), &StatisticsArgs::new())
        .ok()?;
    let rows = *statistics.num_rows.get_value()?;
    let mut estimate = Estimate {
        rows,
        texts: 0,
        measured: None,
    };
    for call in calls {
        let texts = rows * call.function.width();
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
        write!(f, "rows<={}, texts<={}", self.rows, self.texts)?;
        match self.measured {
            Some((tokens, time)) => {
                write!(f, ", tokens~{tokens}, seconds~{:.1}", time.as_secs_f64())
            }
            None => Ok(()),
        }
    }
}
