//! Metadata of an extractor: everything but its weights.

use serde::{Deserialize, Serialize};

/// Metadata of an extractor.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExtractorMetadata {
    pub name: String,
    /// Version of semql that trained it.
    pub semql_version: String,
    /// Text columns of its input: those with values, then those of the context.
    pub columns: Vec<ExtractorColumn>,
    pub attributes: Vec<AttributeQuality>,
    /// Training rows.
    pub rows: u64,
    /// Rows without a text or a label.
    pub skipped_rows: u64,
    /// Number of held-out rows.
    pub held_out: u64,
    /// Hash of the training rows, which does not depend on their order.
    pub fingerprint: String,
    /// Quality of all attributes together.
    pub micro: Quality,
    /// Values that are in no text of their row, or only inside of words; the first ones.
    pub misaligned: Vec<MisalignedValue>,
    /// Features: `words` or `token_vectors`.
    pub features: String,
    /// Language model whose answers it learnt.
    pub teacher: Option<String>,
}

/// Text column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ExtractorColumn {
    pub name: String,
    /// Whether the column describes the row and has no values.
    pub is_context: bool,
}

/// Quality on held-out rows, 0..1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

/// Labels and quality of an attribute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AttributeQuality {
    pub name: String,
    /// Rows with a value.
    pub labelled: u64,
    /// Distinct values.
    pub values: u64,
    /// Values that are in no text of their row, or only inside of words.
    pub misaligned: u64,
    pub quality: Quality,
}

/// Value that is in no text of its row, or only inside of words.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MisalignedValue {
    pub attribute: String,
    pub value: String,
    /// By column: the start of the text.
    pub texts: Vec<Option<String>>,
}
