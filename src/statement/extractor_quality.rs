//! Rows of `CREATE MODEL ... EXTRACT` and of `DESCRIBE MODEL` for an extractor.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use semql_udfs::learning::extraction::model::{AttributeQuality, ExtractorMetadata};

use crate::error::Result;

/// Name of the row of all attributes together.
const ALL_ATTRIBUTES: &str = "(all)";

/// A row for each attribute: labelled rows, distinct values, values that do not occur in
/// their texts, quality on held-out rows. The last row is all attributes together.
///
/// # Errors
/// Those of Arrow.
pub fn extractor_quality(metadata: &ExtractorMetadata) -> Result<RecordBatch> {
    let sum =
        |get: fn(&AttributeQuality) -> u64| -> u64 { metadata.attributes.iter().map(get).sum() };
    let all = AttributeQuality {
        name: ALL_ATTRIBUTES.to_string(),
        labelled: metadata.rows,
        values: sum(|attribute| attribute.values),
        misaligned: sum(|attribute| attribute.misaligned),
        quality: metadata.micro,
    };
    let rows = || metadata.attributes.iter().chain([&all]);
    let names: StringArray = rows().map(|row| Some(row.name.as_str())).collect();
    let count = |get: fn(&AttributeQuality) -> u64| -> ArrayRef {
        let values = rows().map(|row| Some(get(row) as i64));
        Arc::new(values.collect::<Int64Array>())
    };
    let figure = |get: fn(&AttributeQuality) -> f64| -> ArrayRef {
        let values = rows().map(|row| Some(round(get(row))));
        Arc::new(values.collect::<Float64Array>())
    };
    Ok(RecordBatch::try_from_iter([
        ("attribute", Arc::new(names) as ArrayRef),
        ("rows", count(|row| row.labelled)),
        ("values", count(|row| row.values)),
        ("misaligned", count(|row| row.misaligned)),
        ("precision", figure(|row| row.quality.precision)),
        ("recall", figure(|row| row.quality.recall)),
        ("f1", figure(|row| row.quality.f1)),
    ])?)
}

/// A figure with four decimals.
pub fn round(figure: f64) -> f64 {
    (figure * 1e4).round() / 1e4
}
