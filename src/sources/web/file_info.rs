//! Size and version of a file on a web server.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use object_store::path::Path;
use object_store::{GetRange, ObjectMeta, Result};

use crate::sources::store_errors::query_error;

/// Size and version of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileInfo {
    pub size: u64,
    /// Value of a header that changes with the file.
    pub version: Option<String>,
}

impl FileInfo {
    pub fn meta(&self, location: &Path) -> ObjectMeta {
        ObjectMeta {
            location: location.clone(),
            last_modified: timestamp(self.version.as_deref()).into(),
            size: self.size,
            e_tag: self.version.clone(),
            version: None,
        }
    }
}

/// Resolves the range of a request for a file of `size` bytes.
///
/// # Errors
/// A range outside the file.
pub fn resolve_range(range: Option<&GetRange>, size: u64) -> Result<Range<u64>> {
    match range {
        Some(range) => range
            .as_range(size)
            .map_err(|error| query_error(error.to_string())),
        None => Ok(0..size),
    }
}

/// Time that changes with the version: the caches of the engine compare only
/// times and sizes. A file without a version is always new.
fn timestamp(version: Option<&str>) -> SystemTime {
    use std::hash::{DefaultHasher, Hash, Hasher};
    match version {
        Some(version) => {
            let mut hasher = DefaultHasher::new();
            version.hash(&mut hasher);
            SystemTime::UNIX_EPOCH + Duration::from_secs(hasher.finish() >> 32)
        }
        None => SystemTime::now(),
    }
}
