//! Formats of results, by name.

use std::str::FromStr;

use crate::error::ShellError;
use crate::suggest;

/// Format in which rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OutputFormat {
    #[default]
    Table,
    Csv,
    Tsv,
    Json,
    Ndjson,
    Markdown,
}

/// Every format by its name.
pub const OUTPUT_FORMATS: &[(&str, OutputFormat)] = &[
    ("table", OutputFormat::Table),
    ("csv", OutputFormat::Csv),
    ("tsv", OutputFormat::Tsv),
    ("json", OutputFormat::Json),
    ("ndjson", OutputFormat::Ndjson),
    ("markdown", OutputFormat::Markdown),
];

impl OutputFormat {
    pub fn name(self) -> &'static str {
        let mut formats = OUTPUT_FORMATS.iter();
        let named = formats.find(|(_, format)| *format == self);
        named.map_or("table", |(name, _)| *name)
    }

    /// Whether rows are held back: a table measures them before it draws the first.
    pub fn holds_rows(self) -> bool {
        self == Self::Table
    }
}

impl FromStr for OutputFormat {
    type Err = ShellError;

    fn from_str(text: &str) -> Result<Self, ShellError> {
        let lower = text.trim().to_lowercase();
        if let Some((_, format)) = OUTPUT_FORMATS.iter().find(|(name, _)| *name == lower) {
            return Ok(*format);
        }
        let names: Vec<&str> = OUTPUT_FORMATS.iter().map(|(name, _)| *name).collect();
        Err(ShellError::usage(format!(
            "unknown format '{text}'{}; choose one of {}",
            suggest::hint(&lower, names.iter().copied()),
            names.join(", ")
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_format_suggests_the_nearest_one() {
        let error = "markdwon".parse::<OutputFormat>().unwrap_err();
        assert!(
            error.message.contains("did you mean 'markdown'?"),
            "{error}"
        );
        assert_eq!(
            " NDJSON".parse::<OutputFormat>().unwrap(),
            OutputFormat::Ndjson
        );
    }
}
