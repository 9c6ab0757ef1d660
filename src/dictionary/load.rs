//! Reading a dictionary file, and saying where it is wrong.

mod problems;
mod tables;
mod taxonomies;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_saphyr::{MessageFormatter, UserMessageFormatter};

use super::Dictionary;
use super::document::Document;
use crate::error::{Result, ShellError};
use crate::suggest;
use problems::Problems;

/// The version of the file format that this program reads.
const VERSION: u64 = 1;

/// Largest dictionary or taxonomy file.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Most parts of a file that its aliases (`*name`) may repeat, and the deepest
/// nesting of aliases within aliases.
const MAX_ALIASED_EVENTS: usize = 100_000;
const MAX_ALIAS_DEPTH: usize = 16;

/// See [`Dictionary::load`].
pub fn load(path: &Path) -> Result<Dictionary> {
    let text = read(path).map_err(|error| {
        ShellError::setup(format!(
            "cannot read the data dictionary '{}': {error}",
            path.display()
        ))
    })?;
    from_text(path, &text)
}

/// Reads the text of the dictionary at `path`, in whose folder locations and
/// taxonomy files are looked for.
fn from_text(path: &Path, text: &str) -> Result<Dictionary> {
    let file = path.display().to_string();
    let document: Document = parse(&file, text)?;
    let mut problems = Problems::new(&file);
    if document.version.value != VERSION {
        problems.at(
            document.version.referenced,
            format!(
                "version {} is not known; this semql reads version {VERSION}",
                document.version.value
            ),
        );
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let taxonomies = taxonomies::read(document.taxonomies, folder, &mut problems)?;
    let tables = tables::read(document.tables, folder, &taxonomies, &mut problems);
    problems.into_result()?;
    Ok(Dictionary {
        path: Some(path.to_path_buf()),
        tables,
        taxonomies: taxonomies
            .into_iter()
            .filter_map(|known| known.taxonomy)
            .collect(),
    })
}

/// The text of a dictionary or taxonomy file.
fn read(path: &Path) -> std::io::Result<String> {
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

fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T> {
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

/// `FILE:LINE:COLUMN: what is wrong`, with the nearest key for a mistyped one.
fn explain(file: &str, error: &serde_saphyr::Error) -> String {
    let inner = error.without_snippet();
    let what = match inner {
        serde_saphyr::Error::SerdeUnknownField {
            field, expected, ..
        } => {
            let hint = suggest::hint(field, expected.iter().copied());
            format!(
                "unknown key '{field}'{hint} (the keys here are {})",
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
            format!("this should be {}", in_words(expected))
        }
        serde_saphyr::Error::InvalidScalar { ty, .. } => {
            format!("this should be {}", in_words(ty))
        }
        other => UserMessageFormatter.format_message(other).into_owned(),
    };
    match error.location() {
        Some(place) => format!("{file}:{}:{}: {what}", place.line(), place.column()),
        None => format!("{file}: {what}"),
    }
}

/// The parser's names of what it expects, for people.
fn in_words(expected: &str) -> &str {
    match expected {
        "mapping start" => "keys with values (`key: value`)",
        "sequence start" => "a list (`- item`, or `[item, item]`)",
        "string scalar" => "text",
        "u64" => "a whole number",
        "bool" | "boolean" => "true or false",
        other => other,
    }
}

#[cfg(test)]
mod tests;
