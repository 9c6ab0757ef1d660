//! Files that a location refers to.

use std::sync::Arc;

use datafusion::datasource::listing::ListingTableUrl;
use object_store::{ObjectMeta, ObjectStore};

use super::format::NamedFormat;

/// A file of a location.
#[derive(Clone, Debug)]
pub struct LocatedFile {
    pub meta: ObjectMeta,
    /// URL that a scan of this file alone reads.
    pub url: ListingTableUrl,
    /// Path below the folder of the location, whose folders may hold values of
    /// partition columns. Escapes are not decoded.
    pub path: String,
}

/// The files of a location: at least one, and all of one format.
#[derive(Debug)]
pub struct LocatedFiles {
    pub store: Arc<dyn ObjectStore>,
    pub files: Vec<LocatedFile>,
    pub format: NamedFormat,
}

impl LocatedFiles {
    /// Drops the files without any byte, which writers leave among others. Files that
    /// are all empty are kept.
    pub fn without_empty_files(mut self) -> Self {
        if self.files.iter().any(|file| file.meta.size > 0) {
            self.files.retain(|file| file.meta.size > 0);
        }
        self
    }

    /// Whether the files are on this machine, where reading a part of one is cheap.
    pub fn are_local(&self) -> bool {
        self.files
            .first()
            .is_some_and(|file| file.url.scheme() == "file")
    }

    /// Name of a file for messages: the location, if the file is the only one.
    pub fn name_of(&self, location: &str, file: &LocatedFile) -> String {
        if self.files.len() == 1 {
            return location.to_string();
        }
        let root = if self.are_local() { "/" } else { "" };
        format!("{root}{}", file.meta.location)
    }

    /// Metadata of the files, which changes when a file changes.
    pub fn metas(&self) -> Vec<ObjectMeta> {
        self.files.iter().map(|file| file.meta.clone()).collect()
    }
}
