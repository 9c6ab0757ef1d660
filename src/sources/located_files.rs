//! Files that a location refers to.

use std::sync::Arc;

use datafusion::datasource::listing::ListingTableUrl;
use object_store::{ObjectMeta, ObjectStore};

use super::format::NamedFormat;

/// The files of a location: at least one, and all of one format.
#[derive(Debug)]
pub struct LocatedFiles {
    pub store: Arc<dyn ObjectStore>,
    pub files: Vec<ObjectMeta>,
    /// URLs to scan: of every file, or of the folder if the names of folders
    /// within it hold columns.
    pub urls: Vec<ListingTableUrl>,
    pub format: NamedFormat,
    /// Whether folders named `key=value` hold columns.
    pub partitioned: bool,
}
