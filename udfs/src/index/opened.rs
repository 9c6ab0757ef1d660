//! The index files that searches have opened: what one has touched of a file is
//! mapped when the next comes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use super::data::Stamp;
use super::file::{IndexFile, IndexFileError};

/// Index files by their paths, each as it was when it was opened. A file that
/// is damaged is checked once, too.
#[derive(Debug, Default)]
pub struct Opened(Mutex<HashMap<PathBuf, (Seen, Slot)>>);

/// One file, opened by the first search. Searches of the same file wait for it,
/// those of other files do not.
type Slot = Arc<OnceLock<Result<Arc<IndexFile>, IndexFileError>>>;

/// Which file it was. One that takes another's place may be of its size and,
/// by a coarse clock, of its time; where files have numbers, it has another.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    stamp: Stamp,
    number: u64,
}

impl Seen {
    fn of(path: &Path) -> std::io::Result<Self> {
        Ok(Self {
            stamp: Stamp::of(path)?,
            number: number(path)?,
        })
    }
}

#[cfg(unix)]
fn number(path: &Path) -> std::io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(path.metadata()?.ino())
}

#[cfg(not(unix))]
fn number(_: &Path) -> std::io::Result<u64> {
    Ok(0)
}

impl Opened {
    /// The index in the file `path`, opened and checked again where the file is
    /// another one now.
    ///
    /// # Errors
    /// If it is not there, if another version wrote it, or if it is damaged.
    pub fn index(&self, path: &Path) -> Result<Arc<IndexFile>, IndexFileError> {
        let slot = self.slot(path)?;
        let opened = slot.get_or_init(|| IndexFile::open(path).map(Arc::new));
        if matches!(opened, Err(IndexFileError::Unreadable(_))) {
            // Its permissions may change while its stamp does not.
            self.files().remove(path);
        }
        opened.clone()
    }

    /// The slot of the file as it is now.
    fn slot(&self, path: &Path) -> Result<Slot, IndexFileError> {
        let mut files = self.files();
        // A file that is gone would keep its place on the disk while it is mapped.
        files.retain(|path, (seen, _)| Seen::of(path).is_ok_and(|now| now == *seen));
        if let Some((_, slot)) = files.get(path) {
            return Ok(Arc::clone(slot));
        }
        let slot = Slot::default();
        files.insert(path.to_path_buf(), (Seen::of(path)?, Arc::clone(&slot)));
        Ok(slot)
    }

    fn files(&self) -> MutexGuard<'_, HashMap<PathBuf, (Seen, Slot)>> {
        self.0.lock().unwrap_or_else(|dead| dead.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::super::file::About;
    use super::*;
    use crate::vector::hnsw::build;

    fn write(path: &Path, name: &str) {
        let vectors = [1.0, 0.0];
        let graph = build(&vectors, 2, 0, &|_| false).unwrap();
        let about = About {
            name: name.to_string(),
            ..About::of_one_file(1, 1, 2)
        };
        IndexFile::write(path, about, &vectors, &[0], &graph).unwrap();
    }

    #[test]
    fn a_file_is_opened_once_and_again_when_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.hnsw");
        let opened = Opened::default();
        assert!(opened.index(&path).is_err());
        write(&path, "first");
        let first = opened.index(&path).unwrap();
        assert!(Arc::ptr_eq(&first, &opened.index(&path).unwrap()));
        write(&path, "the second");
        assert_eq!(opened.index(&path).unwrap().about.name, "the second");
        std::fs::remove_file(&path).unwrap();
        assert!(opened.index(&path).is_err());
        assert!(opened.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_damaged_file_is_checked_once_and_again_when_it_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.hnsw");
        std::fs::write(&path, "damaged").unwrap();
        let opened = Opened::default();
        let error = opened.index(&path).unwrap_err();
        assert!(matches!(error, IndexFileError::Damaged(_)), "{error}");
        assert_eq!(opened.index(&path).err(), Some(error));
        assert_eq!(opened.0.lock().unwrap().len(), 1);
        write(&path, "whole");
        assert_eq!(opened.index(&path).unwrap().about.name, "whole");
    }
}
