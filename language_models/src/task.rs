//! Tasks for a language model, and their answers.

use serde::{Deserialize, Serialize};

use crate::json_schema::JsonSchema;

/// The texts of a row; `None` for NULL.
pub type SourceTexts<'a> = Vec<Option<&'a str>>;

/// Attribute of an extraction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AttributeRequest {
    pub name: String,
    pub description: Option<String>,
}

/// Question about every row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LanguageModelTask {
    /// The values of attributes.
    Extract { attributes: Vec<AttributeRequest> },
    /// One of the labels.
    Classify { labels: Vec<String> },
    /// Whether a condition holds.
    Filter { condition: String },
    /// The answer to a prompt, which is the first text of the row.
    Complete { schema: Option<JsonSchema> },
}

/// Valid answer for a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TaskAnswer {
    /// By attribute: literal parts of the texts.
    Values(Vec<Vec<String>>),
    /// Position of the label.
    Label(usize),
    Condition(bool),
    Text(String),
}

/// A row without an answer. The message has one line, and no text of the row.
#[derive(Clone, Debug, PartialEq)]
pub struct RowFailure {
    pub message: String,
}

pub type RowAnswer = std::result::Result<TaskAnswer, RowFailure>;
