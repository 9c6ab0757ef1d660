//! Patterns over paths: `*` and `?` within a name, `[a-z]` and `[!a-z]` for a
//! character, `{a,b}` for alternatives, `**` for any number of folders.
//!
//! Matching returns to the last star only, never to an earlier one, so its time
//! is bounded by the product of the lengths of pattern and path. The crate
//! `globset` compares bytes, so its `?` does not match `ö`.

mod braces;
mod segments;

use braces::expand_braces;
use segments::{PathSegment, matches_all, parse_segments};

/// Maximum length of a pattern in bytes.
const MAX_PATTERN_BYTES: usize = 4096;

/// Whether `text` has a character that makes it a pattern.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

/// Splits a pattern into the folder above everything that it can match, and the
/// rest. The folder has no slash at its end, and is empty for the working folder.
pub fn split(pattern: &str) -> (&str, &str) {
    let first = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    match pattern[..first].rfind('/') {
        Some(0) => ("/", &pattern[1..]),
        Some(slash) => (&pattern[..slash], &pattern[slash + 1..]),
        None => ("", pattern),
    }
}

/// A compiled pattern over relative paths.
#[derive(Debug)]
pub struct Glob {
    /// Alternatives, each the segments of a path.
    alternatives: Vec<Vec<PathSegment>>,
}

impl Glob {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// A pattern that is too long, or whose braces expand to too many
    /// alternatives. The message continues a sentence about the pattern.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(format!(
                "is a pattern of more than {MAX_PATTERN_BYTES} bytes; shorten it"
            ));
        }
        let alternatives = expand_braces(pattern)?;
        Ok(Self {
            alternatives: alternatives
                .iter()
                .map(|path| parse_segments(path))
                .collect(),
        })
    }

    /// Whether the pattern matches a path relative to its folder.
    pub fn matches(&self, path: &str) -> bool {
        let names: Vec<Vec<char>> = path.split('/').map(|name| name.chars().collect()).collect();
        self.alternatives.iter().any(|pattern| {
            let is_run = |segment: &PathSegment| matches!(segment, PathSegment::AnyFolders);
            matches_all(pattern, &names, is_run, |segment, name| {
                segment.matches(name)
            })
        })
    }
}

#[cfg(test)]
mod tests;
