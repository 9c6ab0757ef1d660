//! Access of the library to the files of a table, through the store of the shell.

use std::sync::Arc;

use deltalake_core::logstore::{LogStoreRef, ObjectStoreRef, StorageConfig, default_logstore};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use semql::{DeltaLocation, Result, ShellError};

/// Log store of a table.
///
/// # Errors
/// A URL whose path is not one of a store.
pub fn log_store(location: &DeltaLocation) -> Result<LogStoreRef> {
    let folder = Path::from_url_path(location.url.path()).map_err(|error| {
        ShellError::query(format!("'{}' is not a path: {error}", location.name))
    })?;
    let root: ObjectStoreRef = Arc::clone(&location.store) as _;
    let prefixed = Arc::new(PrefixStore::new(Arc::clone(&root), folder));
    Ok(default_logstore(
        prefixed,
        root,
        &location.url,
        &StorageConfig::default(),
    ))
}
