//! The index files that searches have opened: what one has touched of a file is
//! mapped when the next comes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::data::Stamp;
use super::file::IndexFile;
use crate::error::{Error, Result};

/// Index files by their paths, each as it was when it was opened.
#[derive(Debug, Default)]
pub struct Opened(Mutex<HashMap<PathBuf, (Seen, Arc<IndexFile>)>>);

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
    /// The index in the file `path`, opened again where the file is another one
    /// now.
    ///
    /// # Errors
    /// If it is not there, or damaged.
    pub fn index(&self, path: &Path) -> Result<Arc<IndexFile>> {
        let mut files = self.0.lock().unwrap_or_else(|dead| dead.into_inner());
        // A file that is gone would keep its place on the disk while it is mapped.
        files.retain(|path, (seen, _)| Seen::of(path).is_ok_and(|now| now == *seen));
        if let Some((_, index)) = files.get(path) {
            return Ok(Arc::clone(index));
        }
        let seen = Seen::of(path)
            .map_err(|e| Error::Setup(format!("{} cannot be read: {e}", path.display())))?;
        let index = Arc::new(IndexFile::open(path)?);
        files.insert(path.to_path_buf(), (seen, Arc::clone(&index)));
        Ok(index)
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
            vectors: 1,
            dims: 2,
            ..About::default()
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
}
