//! Answers of a task.

use semql_learning::extraction::Span;

/// Answer of a task for a row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowAnswer {
    /// The row has no text.
    NoText,
    Value(RowValue),
    /// The language model failed; the message has one line.
    Failed(String),
}

/// Value that a task computes from the texts of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum RowValue {
    /// Spans whose attributes are positions in the attributes of the call.
    Spans(Vec<Span>),
    /// Position in the labels of the call.
    Label(usize),
    Condition(bool),
    Text(String),
}
