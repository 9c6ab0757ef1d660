//! Stamps of data files, which show whether an index is stale.

use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// Name, size and modification time of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    pub name: String,
    pub bytes: u64,
    /// Nanoseconds since 1970.
    pub modified: u64,
}

impl FileStamp {
    /// The current stamp of the file at `path`.
    ///
    /// # Errors
    /// Those of reading the file's metadata.
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let metadata = path.metadata()?;
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH);
        Ok(Self {
            name: file_name(path),
            bytes: metadata.len(),
            modified: modified.map_or(0, |since| since.as_nanos() as u64),
        })
    }
}

/// The last part of `path`.
pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
