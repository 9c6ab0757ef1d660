//! Cache of open index files, whose mapped pages later searches reuse.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use super::file::{IndexFile, IndexFileError};
use super::stamp::FileStamp;
use crate::sync::lock;

/// Open index files by path. The result of a damaged file is cached, too.
#[derive(Debug, Default)]
pub struct IndexCache(Mutex<HashMap<PathBuf, (FileIdentity, IndexCell)>>);

/// One file, opened by the first search. Searches of the same file wait for it;
/// searches of other files do not.
type IndexCell = Arc<OnceLock<Result<Arc<IndexFile>, IndexFileError>>>;

/// Identity of a file. A replacement may have the same size and, on a coarse clock,
/// the same time; its inode number differs.
#[derive(Debug, PartialEq, Eq)]
struct FileIdentity {
    stamp: FileStamp,
    inode: u64,
}

impl FileIdentity {
    fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            stamp: FileStamp::of(path)?,
            inode: inode(path)?,
        })
    }
}

#[cfg(unix)]
fn inode(path: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(path.metadata()?.ino())
}

#[cfg(not(unix))]
fn inode(_: &Path) -> std::io::Result<u64> {
    Ok(0)
}

impl IndexCache {
    /// The index in the file `path`. Opens and checks a replaced file again.
    ///
    /// # Errors
    /// If the file is missing, damaged, or of another version.
    pub fn index(&self, path: &Path) -> Result<Arc<IndexFile>, IndexFileError> {
        let cell = self.cell(path)?;
        let opened = cell.get_or_init(|| IndexFile::open(path).map(Arc::new));
        if matches!(opened, Err(IndexFileError::Unreadable(_))) {
            // Its permissions may change while its stamp does not.
            lock(&self.0).remove(path);
        }
        opened.clone()
    }

    /// The cell of the current file.
    fn cell(&self, path: &Path) -> Result<IndexCell, IndexFileError> {
        let mut files = lock(&self.0);
        // A deleted file takes disk space while it is mapped.
        files.retain(|path, (identity, _)| {
            FileIdentity::of(path).is_ok_and(|current| current == *identity)
        });
        if let Some((_, cell)) = files.get(path) {
            return Ok(Arc::clone(cell));
        }
        let cell = IndexCell::default();
        files.insert(
            path.to_path_buf(),
            (FileIdentity::of(path)?, Arc::clone(&cell)),
        );
        Ok(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::IndexMetadata;
    use super::*;
    use crate::vector::hnsw::build;

    fn write(path: &Path, name: &str) {
        let vectors = [1.0, 0.0];
        let graph = build(&vectors, 2, 0, &|_| false).unwrap();
        let metadata = IndexMetadata {
            name: name.to_string(),
            ..IndexMetadata::of_one_file(1, 1, 2)
        };
        IndexFile::write(path, metadata, &vectors, &[0], &graph).unwrap();
    }

    #[test]
    fn a_file_is_opened_once_and_again_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.hnsw");
        let cache = IndexCache::default();
        assert!(cache.index(&path).is_err());
        write(&path, "first");
        let first = cache.index(&path).unwrap();
        assert!(Arc::ptr_eq(&first, &cache.index(&path).unwrap()));
        write(&path, "the second");
        assert_eq!(cache.index(&path).unwrap().metadata.name, "the second");
        std::fs::remove_file(&path).unwrap();
        assert!(cache.index(&path).is_err());
        assert!(lock(&cache.0).is_empty());
    }

    #[test]
    fn a_damaged_file_is_checked_once_and_again_when_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.hnsw");
        std::fs::write(&path, "damaged").unwrap();
        let cache = IndexCache::default();
        let error = cache.index(&path).unwrap_err();
        assert!(matches!(error, IndexFileError::Damaged(_)), "{error}");
        assert_eq!(cache.index(&path).err(), Some(error));
        assert_eq!(lock(&cache.0).len(), 1);
        write(&path, "whole");
        assert_eq!(cache.index(&path).unwrap().metadata.name, "whole");
    }
}
