//! Paths of the store: dataset, revision and path within.

use object_store::Result;
use object_store::path::Path;

use crate::sources::store_errors::query_error;

const DEFAULT_REVISION: &str = "main";

/// Prefixes of revisions whose names have slashes, and their number of segments.
const MULTI_SEGMENT_REVISIONS: &[(&str, usize)] = &[("refs/convert/", 3), ("refs/pr/", 3)];

/// Path in a revision of a dataset.
#[derive(Debug, PartialEq, Eq)]
pub struct DatasetPath {
    /// `owner/name`
    pub repository: String,
    pub revision: String,
    /// Empty for the top folder.
    pub path: String,
    /// Start of paths in the store: `owner/name@revision`.
    prefix: String,
}

impl DatasetPath {
    /// Parses a path in the store.
    ///
    /// # Errors
    /// A path without a dataset.
    pub fn parse(path: &Path) -> Result<Self> {
        let text = path.as_ref();
        let mut parts = text.splitn(3, '/');
        let (Some(owner), Some(name)) =
            (parts.next().filter(|owner| !owner.is_empty()), parts.next())
        else {
            return Err(query_error(format!(
                "'{text}' names no dataset; write hf://datasets/OWNER/NAME/PATH"
            )));
        };
        let rest = parts.next().unwrap_or_default();
        let Some((name, revision)) = name.split_once('@') else {
            return Ok(Self {
                repository: format!("{owner}/{name}"),
                revision: DEFAULT_REVISION.to_string(),
                path: rest.to_string(),
                prefix: format!("{owner}/{name}"),
            });
        };
        let after = if rest.is_empty() {
            revision.to_string()
        } else {
            format!("{revision}/{rest}")
        };
        let known = MULTI_SEGMENT_REVISIONS
            .iter()
            .find(|(start, _)| after.starts_with(start));
        let segments = known.map_or(1, |(_, segments)| *segments);
        let mut ends = after.match_indices('/').map(|(at, _)| at);
        let end = ends.nth(segments - 1).unwrap_or(after.len());
        let written = &after[..end];
        Ok(Self {
            repository: format!("{owner}/{name}"),
            revision: match written {
                "~parquet" => "refs/convert/parquet".to_string(),
                other => other.to_string(),
            },
            path: after[end..].trim_start_matches('/').to_string(),
            prefix: format!("{owner}/{name}@{written}"),
        })
    }

    /// Path in the store of a path in the dataset.
    pub fn in_store(&self, path: &str) -> Result<Path> {
        Ok(Path::parse(format!("{}/{path}", self.prefix))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(path: &str) -> (String, String, String) {
        let path = DatasetPath::parse(&Path::parse(path).unwrap()).unwrap();
        (path.repository, path.revision, path.path)
    }

    fn of(repository: &str, revision: &str, path: &str) -> (String, String, String) {
        (repository.into(), revision.into(), path.into())
    }

    #[test]
    fn a_path_has_dataset_revision_and_path_within() {
        assert_eq!(
            parsed("o/n/data/a.parquet"),
            of("o/n", "main", "data/a.parquet")
        );
        assert_eq!(parsed("o/n@v1/a.csv"), of("o/n", "v1", "a.csv"));
        assert_eq!(
            parsed("o/n@refs/convert/parquet/x/0.parquet"),
            of("o/n", "refs/convert/parquet", "x/0.parquet")
        );
        assert_eq!(
            parsed("o/n@~parquet/x/0.parquet"),
            of("o/n", "refs/convert/parquet", "x/0.parquet")
        );
        assert_eq!(parsed("o/n@v1"), of("o/n", "v1", ""));
        assert_eq!(parsed("o/n"), of("o/n", "main", ""));
        assert!(DatasetPath::parse(&Path::from("o")).is_err());
    }

    #[test]
    fn listed_paths_keep_the_revision_as_written() {
        let path = DatasetPath::parse(&Path::parse("o/n@~parquet/x").unwrap()).unwrap();
        assert_eq!(
            path.in_store("x/0.parquet").unwrap().as_ref(),
            "o/n@~parquet/x/0.parquet"
        );
    }
}
