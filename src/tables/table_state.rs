//! State that the clones of a table in memory share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arrow::array::RecordBatch;
use datafusion::common::Constraints;
use datafusion::error::Result;
use semql_udfs::inference::sync::lock;

use super::changes::TableChanges;
use super::definition::TableDefinition;
use super::errors::violation;
use super::keys::KeyIndex;
use super::private_versions::{PrivateVersion, VersionedRows};
use super::version::TableVersion;
use crate::error::ErrorKind;

/// Definition and committed rows of a table.
#[derive(Debug)]
pub struct TableState {
    pub id: u64,
    pub name: RwLock<String>,
    pub definition: TableDefinition,
    pub constraints: Constraints,
    pub committed: RwLock<Arc<TableVersion>>,
    /// Index of the keys of the version that was written last.
    pub keys: Mutex<Option<KeyIndex>>,
    pub writer: Arc<tokio::sync::Mutex<()>>,
    /// Whether another table has taken its name, or it was dropped.
    pub retired: AtomicBool,
}

impl TableState {
    pub fn name(&self) -> String {
        let name = self.name.read().unwrap_or_else(PoisonError::into_inner);
        name.clone()
    }

    pub fn committed(&self) -> Arc<TableVersion> {
        let version = self
            .committed
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&version)
    }

    /// Refuses writes to a table that no name stands for any more: they would be lost.
    ///
    /// # Errors
    /// [`ErrorKind::ConcurrentChange`].
    pub fn check_current(&self) -> Result<()> {
        match self.retired.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(violation(
                ErrorKind::ConcurrentChange,
                format!(
                    "could not write to table '{}': another connection has altered or dropped it meanwhile; run the statement again",
                    self.name()
                ),
            )),
        }
    }

    /// The version after changes.
    ///
    /// # Errors
    /// A key that exists; as [`check_current`](Self::check_current).
    pub fn changed(
        &self,
        before: &TableVersion,
        changes: &TableChanges,
    ) -> Result<Arc<TableVersion>> {
        self.check_current()?;
        let mut next = None;
        if changes.rewrites() {
            let none = RecordBatch::new_empty(Arc::clone(&self.definition.schema));
            let rows = changes.rows.as_ref().unwrap_or(&none);
            next = Some(before.rewritten(&changes.removed, &changes.updated, rows)?);
        }
        if let Some(rows) = &changes.inserted {
            next = Some(next.as_ref().unwrap_or(before).appended(rows)?);
        }
        let Some(next) = next else {
            return Ok(Arc::new(TableVersion::new(before.partitions().to_vec())));
        };
        if !self.definition.keys.is_empty() {
            let index = self.next_keys(before, &next, changes)?;
            *lock(&self.keys) = Some(index);
        }
        Ok(Arc::new(next))
    }

    /// Index of the version after changes.
    fn next_keys(
        &self,
        before: &TableVersion,
        next: &TableVersion,
        changes: &TableChanges,
    ) -> Result<KeyIndex> {
        let (definition, name) = (&self.definition, self.name());
        let known = lock(&self.keys).take();
        match (known, &changes.inserted) {
            (Some(mut index), Some(rows))
                if index.number == before.number && !changes.rewrites() =>
            {
                index.add(definition, &name, rows, before.row_count() as u64)?;
                index.number = next.number;
                Ok(index)
            }
            _ => KeyIndex::of(definition, &name, next),
        }
    }
}

impl VersionedRows for TableState {
    fn writer(&self) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(&self.writer)
    }

    fn merged(&self, private: &PrivateVersion) -> Result<Arc<TableVersion>> {
        self.check_current()?;
        let mut current = self.committed();
        if current.number == private.base {
            return Ok(Arc::clone(&private.version));
        }
        let Some(appended) = &private.appended else {
            return Err(violation(
                ErrorKind::ConcurrentChange,
                format!(
                    "could not commit: another connection has changed table '{}' since this transaction wrote it; run the transaction again",
                    self.name()
                ),
            ));
        };
        for rows in appended {
            current = self.changed(&current, &TableChanges::insert(rows.clone()))?;
        }
        Ok(current)
    }

    fn publish(&self, version: Arc<TableVersion>) {
        *self
            .committed
            .write()
            .unwrap_or_else(PoisonError::into_inner) = version;
    }
}
