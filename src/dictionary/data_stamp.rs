//! Detection of changes in the data of a table.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::table_location::TableLocation;

/// Metadata of the files at a location, which changes when the data does.
#[derive(Debug, PartialEq, Eq)]
pub enum DataStamp {
    Missing,
    Files(Vec<FileStamp>),
    /// A pattern, whose files are cheap to find again.
    Pattern,
    /// A remote location, which is opened once for a session.
    Remote,
}

/// Metadata of a file. A file that is renamed to its path may keep size and time,
/// but not its inode.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileStamp {
    path: PathBuf,
    size: u64,
    modified: Option<SystemTime>,
    inode: u64,
}

impl DataStamp {
    pub fn of(location: &TableLocation) -> Self {
        let Some(path) = location.local_path() else {
            return Self::Remote;
        };
        let mut files = Vec::new();
        match gather(&path, &mut files) {
            Ok(()) => {
                files.sort();
                Self::Files(files)
            }
            Err(_) if location.resolved.contains(['*', '?', '[']) => Self::Pattern,
            Err(_) => Self::Missing,
        }
    }

    /// Whether the data is the same as at the time of another stamp.
    pub fn is_unchanged_since(&self, before: &Self) -> bool {
        self != &Self::Pattern && self == before
    }
}

fn gather(path: &Path, files: &mut Vec<FileStamp>) -> std::io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            gather(&entry?.path(), files)?;
        }
    } else {
        files.push(FileStamp {
            path: path.to_path_buf(),
            size: metadata.len(),
            modified: metadata.modified().ok(),
            inode: inode(&metadata),
        });
    }
    Ok(())
}

#[cfg(unix)]
fn inode(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn inode(_: &std::fs::Metadata) -> u64 {
    0
}
