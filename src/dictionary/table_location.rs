//! Locations of tables in the dictionary, relative to its folder.

use std::path::{Component, Path, PathBuf};

/// Location of a table's data, as written and resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableLocation {
    pub written: String,
    /// A URL, or a path that is absolute or relative to the working folder.
    pub resolved: String,
}

impl TableLocation {
    /// Resolves a location relative to the folder of the dictionary.
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

/// Normal form of a location, by its text alone: the files may not exist yet.
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
        let at = |written: &str| TableLocation::resolve(written, Path::new("shop")).resolved;
        assert_eq!(at("data/a.csv"), "shop/data/a.csv");
        assert_eq!(at("/data/a.csv"), "/data/a.csv");
        assert_eq!(at("https://x.org/a.csv"), "https://x.org/a.csv");
        assert_eq!(at("hf://datasets/o/n/a.csv"), "hf://datasets/o/n/a.csv");
        assert_eq!(
            TableLocation::resolve("a.csv", Path::new("")).resolved,
            "a.csv"
        );
    }

    #[test]
    fn spellings_of_a_location_have_one_normal_form() {
        assert_eq!(
            normalized("out/../out/./x.parquet"),
            normalized("out/x.parquet")
        );
        assert_ne!(normalized("out/x.parquet"), normalized("x.parquet"));
        assert_eq!(normalized("s3://b/x"), "s3://b/x");
    }
}
