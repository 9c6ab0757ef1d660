//! Versions of tables that the transaction of one session has written.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use datafusion::error::Result;
use semql_udfs::inference::sync::lock;

use super::version::TableVersion;

/// Rows that a transaction can replace when it commits.
pub trait VersionedRows: Debug + Send + Sync {
    /// Lock that writers hold while they read and replace the committed version.
    fn writer(&self) -> Arc<tokio::sync::Mutex<()>>;

    /// Version to commit: that of the transaction, or the rows that it has added
    /// behind what others have committed meanwhile.
    ///
    /// # Errors
    /// Changes of others that do not go with those of the transaction.
    fn merged(&self, private: &PrivateVersion) -> Result<Arc<TableVersion>>;

    /// Replaces the committed version.
    fn publish(&self, version: Arc<TableVersion>);
}

/// Uncommitted version of a table.
#[derive(Clone, Debug)]
pub struct PrivateVersion {
    pub rows: Arc<dyn VersionedRows>,
    /// Number of the committed version that it began with.
    pub base: u64,
    pub version: Arc<TableVersion>,
    /// The rows that the transaction has added, if it has changed nothing else.
    pub appended: Option<Vec<RecordBatch>>,
}

/// Versions by the id of their table.
pub type VersionMap = HashMap<u64, PrivateVersion>;

/// Uncommitted versions; none outside of a transaction. An extension of the
/// engine's session, so that scans find it.
#[derive(Debug, Default)]
pub struct PrivateVersions(Mutex<Option<VersionMap>>);

impl PrivateVersions {
    /// Whether a transaction is open.
    pub fn is_open(&self) -> bool {
        lock(&self.0).is_some()
    }

    /// The version of a table.
    pub fn version(&self, table: u64) -> Option<Arc<TableVersion>> {
        let versions = lock(&self.0);
        let private = versions.as_ref()?.get(&table)?;
        Some(Arc::clone(&private.version))
    }

    #[cfg(test)]
    pub fn get(&self, table: u64) -> Option<PrivateVersion> {
        lock(&self.0).as_ref()?.get(&table).cloned()
    }

    /// Changes the version of a table. Returns `false` outside of a transaction.
    pub fn put(
        &self,
        table: u64,
        version: impl FnOnce(Option<PrivateVersion>) -> PrivateVersion,
    ) -> bool {
        match &mut *lock(&self.0) {
            Some(versions) => {
                let before = versions.remove(&table);
                versions.insert(table, version(before));
                true
            }
            None => false,
        }
    }

    /// All versions; `None` outside of a transaction.
    pub fn snapshot(&self) -> Option<VersionMap> {
        lock(&self.0).clone()
    }

    /// Replaces all versions, and returns those before. `None` ends the transaction.
    pub fn replace(&self, versions: Option<VersionMap>) -> Option<VersionMap> {
        std::mem::replace(&mut *lock(&self.0), versions)
    }
}
