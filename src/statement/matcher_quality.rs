//! Rows of `CREATE MODEL ... MATCH`, and of `DESCRIBE MODEL` for a matcher.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use semql_udfs::learning::matching::{MatcherMetadata, PairScorer, TrainedMatcher};

use super::extractor_quality::round;
use crate::error::Result;

/// Name of the log-odds of a pair without any evidence.
const INTERCEPT: &str = "(none)";

/// The quality of a matcher on held-out pairs, beside that without training.
///
/// # Errors
/// Those of Arrow.
pub fn matcher_quality(metadata: &MatcherMetadata) -> Result<RecordBatch> {
    let (trained, untrained) = (metadata.quality.counts(), metadata.untrained.counts());
    let count = |count: u64| -> ArrayRef { Arc::new(Int64Array::from_value(count as i64, 1)) };
    let figure = |figure: f64| -> ArrayRef { Arc::new(Float64Array::from_value(round(figure), 1)) };
    Ok(RecordBatch::try_from_iter([
        ("pairs", count(metadata.pairs)),
        ("matches", count(metadata.matches)),
        ("precision", figure(trained.precision())),
        ("recall", figure(trained.recall())),
        ("f1", figure(trained.f1())),
        ("untrained_f1", figure(untrained.f1())),
        ("left_out", count(metadata.skipped_rows)),
        ("conflicts", count(metadata.conflicts)),
    ])?)
}

/// The weight of each kind of evidence, in log-odds, beside that without training.
///
/// # Errors
/// Those of Arrow.
pub fn matcher_weights(matcher: &TrainedMatcher) -> Result<RecordBatch> {
    let untrained = PairScorer::default();
    let names = [INTERCEPT].into_iter();
    let names = names.chain(matcher.weights().map(|(name, _)| name));
    let names: StringArray = names.map(Some).collect();
    let weights = |scorer: &PairScorer| -> ArrayRef {
        let all = [&scorer.intercept].into_iter().chain(&scorer.weights);
        Arc::new(Float64Array::from_iter_values(
            all.map(|weight| round(f64::from(*weight))),
        ))
    };
    Ok(RecordBatch::try_from_iter([
        ("evidence", Arc::new(names) as ArrayRef),
        ("weight", weights(&matcher.scorer)),
        ("untrained_weight", weights(&untrained)),
    ])?)
}
