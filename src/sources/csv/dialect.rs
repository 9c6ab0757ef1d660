//! Dialects of delimited text.

use serde::{Deserialize, Serialize};

/// Delimiter and escape character of a file. Quotes are `"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialect {
    pub delimiter: u8,
    /// Set if quotes within quotes are written `\"` and not `""`.
    pub escape: Option<u8>,
}

impl Dialect {
    /// Delimiter for messages.
    pub fn shown_delimiter(self) -> String {
        match self.delimiter {
            b'\t' => "tab".to_string(),
            other => format!("'{}'", char::from(other)),
        }
    }

    /// Whether a comma may be the decimal point of numbers, as where semicolons
    /// separate the fields.
    pub fn has_decimal_commas(self) -> bool {
        self.delimiter == b';'
    }
}
