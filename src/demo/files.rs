//! Files of the demo, which the program contains, and the folder that they go to.

use std::io;
use std::path::Path;

use semql_udfs::inference::PRODUCT_CATEGORY_YAML;
use semql_udfs::inference::atomic_file;

/// A file of the demo. Its path, relative to the demo's folder, is that in the
/// repository.
pub struct DemoFile {
    pub path: &'static str,
    text: &'static str,
}

const fn file(path: &'static str, text: &'static str) -> DemoFile {
    DemoFile { path, text }
}

/// Query files, in the order in which they run.
pub const QUERIES: &[DemoFile] = &[
    file(
        "queries/01_ingest.sql",
        include_str!("../../queries/01_ingest.sql"),
    ),
    file(
        "queries/02_profile.sql",
        include_str!("../../queries/02_profile.sql"),
    ),
    file(
        "queries/03_categorize.sql",
        include_str!("../../queries/03_categorize.sql"),
    ),
    file(
        "queries/04_aggregate.sql",
        include_str!("../../queries/04_aggregate.sql"),
    ),
    file(
        "queries/05_accuracy.sql",
        include_str!("../../queries/05_accuracy.sql"),
    ),
    file(
        "queries/06_similar.sql",
        include_str!("../../queries/06_similar.sql"),
    ),
    file(
        "queries/07_word_map.sql",
        include_str!("../../queries/07_word_map.sql"),
    ),
    file(
        "queries/08_product_map.sql",
        include_str!("../../queries/08_product_map.sql"),
    ),
    file(
        "queries/09_features.sql",
        include_str!("../../queries/09_features.sql"),
    ),
];

/// What the queries read.
const INPUTS: &[DemoFile] = &[
    file(
        "queries/include/accuracy.sql",
        include_str!("../../queries/include/accuracy.sql"),
    ),
    file(
        "queries/sample/README.md",
        include_str!("../../queries/sample/README.md"),
    ),
    file(
        "queries/sample/products.jsonl",
        include_str!("../../queries/sample/products.jsonl"),
    ),
    file(
        "inference/taxonomies/product_category.yaml",
        PRODUCT_CATEGORY_YAML,
    ),
    file("data_dict.yaml", include_str!("../../data_dict.yaml")),
];

/// Whether the demo may write into `folder`: it is absent, empty, or has an
/// earlier demo.
///
/// # Errors
/// A folder that cannot be listed.
pub fn may_write(folder: &Path) -> io::Result<bool> {
    if folder.join(QUERIES[0].path).is_file() {
        return Ok(true);
    }
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Writes the files that are absent. Files that are there may have been edited,
/// and remain; returns those with another text than this version's.
///
/// # Errors
/// A folder or file that cannot be written or read.
pub fn write(folder: &Path) -> io::Result<Vec<&'static str>> {
    let mut edited = Vec::new();
    for file in QUERIES.iter().chain(INPUTS) {
        let path = folder.join(file.path);
        if path.exists() {
            if std::fs::read(&path)? != file.text.as_bytes() {
                edited.push(file.path);
            }
            continue;
        }
        std::fs::create_dir_all(atomic_file::parent_folder(&path))?;
        atomic_file::write_atomically(&path, |out| out.write_all(file.text.as_bytes()))?;
    }
    Ok(edited)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The files of a folder of the repository, without its subfolders.
    fn repository_files(folder: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::read_dir(root.join(folder))
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().is_file())
            .map(|entry| format!("{folder}/{}", entry.file_name().to_str().unwrap()))
            .collect()
    }

    #[test]
    fn the_demo_has_every_numbered_query_and_what_they_read() {
        let queries: Vec<String> = repository_files("queries")
            .into_iter()
            .filter(|path| path.starts_with("queries/0"))
            .collect();
        let listed: Vec<&str> = QUERIES.iter().map(|file| file.path).collect();
        assert_eq!(queries, listed);
        for folder in ["queries/include", "queries/sample"] {
            for path in repository_files(folder) {
                assert!(INPUTS.iter().any(|file| file.path == path), "{path}");
            }
        }
    }

    #[test]
    fn files_that_are_there_remain() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("demo");
        assert!(may_write(&target).unwrap());
        assert!(write(&target).unwrap().is_empty());
        assert!(write(&target).unwrap().is_empty());
        let edited = target.join("queries/06_similar.sql");
        std::fs::write(&edited, "SELECT 1").unwrap();
        std::fs::remove_file(target.join("data_dict.yaml")).unwrap();
        assert!(may_write(&target).unwrap());
        assert_eq!(write(&target).unwrap(), ["queries/06_similar.sql"]);
        assert_eq!(std::fs::read_to_string(edited).unwrap(), "SELECT 1");
        assert!(target.join("data_dict.yaml").is_file());
    }

    #[test]
    fn other_folders_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(may_write(folder.path()).unwrap());
        std::fs::write(folder.path().join("mine.csv"), "a\n1\n").unwrap();
        assert!(!may_write(folder.path()).unwrap());
        assert!(may_write(&folder.path().join("mine.csv")).is_err());
    }
}
