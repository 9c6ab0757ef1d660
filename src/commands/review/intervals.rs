//! How wide the intervals of the labels' shares are with the answers so far.

use semql_udfs::learning::estimation::{ShareCounts, ShareEstimate, estimate_shares};

use super::answers::ReviewFile;
use super::candidates::ReviewCandidate;
use crate::error::{Result, ShellError};
use crate::output::value::{cut, one_line};

const CONFIDENCE: f64 = 0.95;

/// Width of a label in columns.
const MAX_LABEL_WIDTH: usize = 40;

/// Predictions and answers of the rows.
///
/// # Errors
/// Too many labels to count.
pub fn share_counts(candidates: &[ReviewCandidate], answers: &ReviewFile) -> Result<ShareCounts> {
    let mut counts = ShareCounts::default();
    for row in candidates {
        let answer = answers.label(row.title.as_deref(), row.text.as_deref());
        let added = counts.add(row.predicted(), answer, None);
        added.map_err(|error| ShellError::query(error.to_string()))?;
    }
    Ok(counts)
}

/// A line about the width of the intervals of the labels' shares; empty without answers.
///
/// # Errors
/// Too many labels to count.
pub fn describe_intervals(candidates: &[ReviewCandidate], answers: &ReviewFile) -> Result<String> {
    let estimates = estimate_shares(&share_counts(candidates, answers)?, CONFIDENCE);
    let reviewed: u64 = estimates.iter().map(|estimate| estimate.reviewed).sum();
    let width = |estimate: &ShareEstimate| estimate.high - estimate.low;
    let widest = estimates
        .iter()
        .max_by(|a, b| width(a).total_cmp(&width(b)));
    let (Some(widest), true) = (widest, reviewed > 0) else {
        return Ok(String::new());
    };
    let mean = estimates.iter().map(width).sum::<f64>() / estimates.len() as f64;
    Ok(format!(
        "With {reviewed} of {} sampled rows reviewed, 95% intervals of the labels' shares are {:.1} points wide on average; the widest is '{}', {:.1}% to {:.1}%.\n",
        candidates.len(),
        100.0 * mean,
        cut(&one_line(&widest.label), MAX_LABEL_WIDTH),
        100.0 * widest.low,
        100.0 * widest.high
    ))
}
