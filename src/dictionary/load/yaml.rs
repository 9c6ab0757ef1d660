//! YAML files: bounded reading, and errors with their lines.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_saphyr::{MessageFormatter, UserMessageFormatter};

use crate::error::{Result, ShellError};
use crate::suggest;

/// Maximum size of a dictionary, or of a file that it names.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// Maximum number of parser events that aliases (`*name`) may repeat.
pub const MAX_ALIASED_EVENTS: usize = 100_000;

/// Maximum depth of aliases within aliases.
const MAX_ALIAS_DEPTH: usize = 16;

/// Reads the text of a dictionary, or of a file that it names.
///
/// # Errors
/// A file that cannot be read or is too large.
pub fn read_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(MAX_FILE_BYTES + 1)
        .read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(std::io::Error::other(format!(
            "it is larger than {} MiB",
            MAX_FILE_BYTES >> 20
        )));
    }
    Ok(text)
}

/// Parses the text of `file`.
///
/// # Errors
/// `FILE:LINE:COLUMN: what is wrong`.
pub fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_ALIASED_EVENTS,
            max_replay_stack_depth: MAX_ALIAS_DEPTH,
        },
    };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|e| ShellError::setup(explain(file, &e)))
}

/// Formats an error as `FILE:LINE:COLUMN: what is wrong`, with the nearest key for a
/// misspelt one.
fn explain(file: &str, error: &serde_saphyr::Error) -> String {
    let inner = error.without_snippet();
    let what = match inner {
        serde_saphyr::Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let hint = suggest::hint(field, expected.iter().copied());
            format!(
                "unknown key '{field}'{hint} (known keys: {})",
                expected.join(", ")
            )
        }
        serde_saphyr::Error::SerdeMissingField { field, .. } => {
            format!("the key '{field}' is missing here")
        }
        serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key '{key}' is given twice")
        }
        serde_saphyr::Error::Unexpected { expected, .. } => {
            format!("this should be {}", describe_kind(expected))
        }
        serde_saphyr::Error::InvalidScalar { ty, .. } => {
            format!("this should be {}", describe_kind(ty))
        }
        other => UserMessageFormatter.format_message(other).into_owned(),
    };
    match error.location() {
        Some(at) => format!("{file}:{}:{}: {what}", at.line(), at.column()),
        None => format!("{file}: {what}"),
    }
}

/// Explains the parser's name of a kind of value.
fn describe_kind(expected: &str) -> &str {
    match expected {
        "mapping start" => "keys with values (`key: value`)",
        "sequence start" => "a list (`- item`, or `[item, item]`)",
        "string scalar" => "text",
        "u64" => "a whole number",
        "bool" | "boolean" => "true or false",
        other => other,
    }
}
