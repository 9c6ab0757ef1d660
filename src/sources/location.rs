//! Locations: what a path, a folder, a pattern or a URL refers to.

use std::path::{Path, PathBuf};

use url::Url;

use super::folder_walk::holds_data;
use super::glob;
use crate::delta::is_table;
use crate::error::{Result, ShellError};

/// Maximum number of entries listed to tell whether a word names a folder of data.
const MAX_PROBED_FILES: usize = 10_000;

/// Maximum length of an extension.
const MAX_EXTENSION_LENGTH: usize = 10;

/// Whether the name of a table is the location of files. A plain word is one if
/// it names a folder with data or a table of Delta Lake.
pub fn is_location(name: &str) -> bool {
    let extension = || {
        let last = name.rsplit_once('.').map_or("", |(_, last)| last);
        let word = last.chars().all(|c| c.is_ascii_alphanumeric());
        word && (1..=MAX_EXTENSION_LENGTH).contains(&last.len())
    };
    name.contains('/')
        || matches!(name, "." | ".." | "~")
        || glob::is_pattern(name)
        || extension()
        || is_table(Path::new(name))
        || holds_data(Path::new(name), MAX_PROBED_FILES)
}

/// Expands a leading `~/` to the home folder.
pub fn expand_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::home_dir()) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// Path of a location on this machine; `None` for a remote one.
///
/// # Errors
/// A `file:` URL that is not a path.
pub fn local_path(location: &str) -> Result<Option<PathBuf>> {
    if !location.contains("://") {
        return Ok(Some(expand_home(location)));
    }
    let url = parse_url(location)?;
    if url.scheme() != "file" {
        return Ok(None);
    }
    url.to_file_path()
        .map(Some)
        .map_err(|()| not_a_path(location))
}

/// Parses the URL of a remote location.
///
/// # Errors
/// Text that is not a URL.
pub fn parse_url(location: &str) -> Result<Url> {
    Url::parse(location)
        .map_err(|error| ShellError::query(format!("'{location}' is not a URL: {error}")))
}

/// Error for a location that is not a path on this machine.
pub fn not_a_path(location: &str) -> ShellError {
    ShellError::query(format!("'{location}' is not a path on this machine"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables_are_not_locations() {
        for location in [
            "a.csv",
            "data/",
            "~/x.parquet",
            "hf://datasets/a/b/c.parquet",
            "*.csv",
            "x.parket",
        ] {
            assert!(is_location(location), "{location}");
        }
        for table in ["products", "my table", "_", "v1.", "a. b"] {
            assert!(!is_location(table), "{table}");
        }
    }
}
