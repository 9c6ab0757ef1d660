//! Errors of charts.

use std::fmt;

use arrow::error::ArrowError;

/// Reason why a chart cannot be drawn.
#[derive(Debug)]
pub enum ChartError {
    /// The result has no column of this name.
    UnknownColumn {
        name: String,
        /// Columns that the result has.
        columns: Vec<String>,
    },
    /// Charts have no option of this name.
    UnknownOption {
        name: String,
        options: Vec<&'static str>,
    },
    /// The option takes one of a few words, and this is another one.
    UnknownValue {
        option: &'static str,
        value: String,
        allowed: Vec<&'static str>,
    },
    /// Columns or options that make no chart. The message names them.
    Invalid(String),
    /// The format cannot hold this chart, or the build lacks the format.
    Render {
        format: &'static str,
        reason: String,
    },
    /// A column whose values have no text.
    Arrow(ArrowError),
}

pub type Result<T, E = ChartError> = std::result::Result<T, E>;

/// A word that an error rejects, and the words in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misspelling<'a> {
    pub word: &'a str,
    pub allowed: Vec<&'a str>,
}

impl ChartError {
    /// The word that may be misspelt, for programs that suggest another.
    pub fn misspelling(&self) -> Option<Misspelling<'_>> {
        let (word, allowed): (&str, Vec<&str>) = match self {
            Self::UnknownColumn { name, columns } => {
                (name.as_str(), columns.iter().map(String::as_str).collect())
            }
            Self::UnknownOption { name, options } => (name.as_str(), options.clone()),
            Self::UnknownValue { value, allowed, .. } => (value.as_str(), allowed.clone()),
            Self::Invalid(_) | Self::Render { .. } | Self::Arrow(_) => return None,
        };
        Some(Misspelling { word, allowed })
    }
}

impl fmt::Display for ChartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownColumn { name, columns } => {
                let columns = columns.join(", ");
                write!(f, "the result has no column '{name}'; it has {columns}")
            }
            Self::UnknownOption { name, options } => {
                let options = options.join(", ");
                write!(f, "a chart has no option '{name}'; there are {options}")
            }
            Self::UnknownValue {
                option,
                value,
                allowed,
            } => {
                let allowed = allowed.join(", ");
                write!(f, "{option} is one of {allowed}, not '{value}'")
            }
            Self::Invalid(message) => f.write_str(message),
            Self::Render { format, reason } => {
                write!(f, "cannot write the chart as {format}: {reason}")
            }
            Self::Arrow(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ChartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Arrow(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ArrowError> for ChartError {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(error)
    }
}
