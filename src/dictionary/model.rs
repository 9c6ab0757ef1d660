//! The dictionary's plain types, validated and with locations resolved.

use std::path::{Component, Path, PathBuf};

use arrow::datatypes::DataType;

/// One table of the dictionary.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub name: String,
    pub description: Option<String>,
    /// Where the data lies; without one the table is documentation only.
    pub location: Option<Location>,
    pub source: Option<Source>,
    pub owner: Option<String>,
    pub maintainer: Option<String>,
    pub licence: Option<String>,
    pub created: Option<String>,
    pub updated: Option<String>,
    pub tags: Vec<String>,
    pub columns: Vec<Column>,
}

/// Where a table comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Source {
    pub name: Option<String>,
    pub url: Option<String>,
}

/// A location as written, and as the working folder sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub written: String,
    /// A URL, or a path: absolute, or relative to the working folder.
    pub resolved: String,
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    /// The SQL type as written.
    pub type_name: Option<String>,
    pub data_type: Option<DataType>,
    /// `Some(false)` promises that there are no nulls.
    pub nullable: Option<bool>,
    /// `true` promises that no value occurs twice.
    pub unique: bool,
    pub description: Option<String>,
    pub accepted: Accepted,
    /// In characters.
    pub min_length: Option<u64>,
    /// In characters.
    pub max_length: Option<u64>,
}

/// The values that a column may hold, besides null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Accepted {
    #[default]
    Anything,
    Values(Vec<String>),
    /// The labels of the taxonomy of this name.
    Taxonomy(String),
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl Location {
    /// Resolves a location against the folder that the dictionary lies in.
    pub fn resolve(written: &str, folder: &Path) -> Self {
        let resolved = if is_url(written) || folder.as_os_str().is_empty() {
            written.to_string()
        } else {
            // `join` keeps an absolute path as it is.
            folder.join(written).to_string_lossy().into_owned()
        };
        Self {
            written: written.to_string(),
            resolved,
        }
    }

    /// The path on this machine, or `None` for a remote location.
    pub fn local_path(&self) -> Option<PathBuf> {
        if !is_url(&self.resolved) {
            return Some(PathBuf::from(&self.resolved));
        }
        let url = url::Url::parse(&self.resolved).ok()?;
        (url.scheme() == "file")
            .then(|| url.to_file_path().ok())
            .flatten()
    }
}

fn is_url(location: &str) -> bool {
    location
        .split_once("://")
        .is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains(['/', '\\']))
}

/// A location in the one form that two spellings of it share. Works for files
/// that do not exist yet, so it looks at the text alone.
pub fn normalized(location: &str) -> String {
    let text = location.strip_prefix("file://").unwrap_or(location);
    if is_url(text) {
        return text.to_string();
    }
    let absolute = std::path::absolute(text).unwrap_or_else(|_| PathBuf::from(text));
    let mut clean = PathBuf::new();
    for part in absolute.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_relative_to_the_dictionary() {
        let at = |written: &str| Location::resolve(written, Path::new("shop")).resolved;
        assert_eq!(at("data/a.csv"), "shop/data/a.csv");
        assert_eq!(at("/data/a.csv"), "/data/a.csv");
        assert_eq!(at("https://x.org/a.csv"), "https://x.org/a.csv");
        assert_eq!(at("hf://datasets/o/n/a.csv"), "hf://datasets/o/n/a.csv");
        assert_eq!(Location::resolve("a.csv", Path::new("")).resolved, "a.csv");
    }

    #[test]
    fn two_spellings_of_a_place_are_one() {
        assert_eq!(
            normalized("out/../out/./x.parquet"),
            normalized("out/x.parquet")
        );
        assert_ne!(normalized("out/x.parquet"), normalized("x.parquet"));
        assert_eq!(normalized("s3://b/x"), "s3://b/x");
    }
}
