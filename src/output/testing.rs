//! One batch as a whole result, for tests of the writers.

use arrow::array::RecordBatch;

use super::dispatch::writer;
use super::style::Style;
use super::target::OutputTarget;

/// Returns the text of a result that is one batch.
pub fn rendered(batch: &RecordBatch, style: &Style) -> String {
    let mut out = Vec::new();
    write_all(batch, style, &mut out);
    String::from_utf8(out).unwrap()
}

/// Writes a result that is one batch.
pub fn write_all(batch: &RecordBatch, style: &Style, out: &mut dyn OutputTarget) {
    let mut writer = writer(batch.schema(), style, out);
    writer.batch(batch).unwrap();
    writer.finish().unwrap();
}
