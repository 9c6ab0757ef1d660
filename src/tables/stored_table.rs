//! Table in memory, with versions of its rows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Constraints;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use semql_udfs::inference::sync::lock;

use super::changes::TableChanges;
use super::constraints::conform;
use super::definition::TableDefinition;
use super::keys::{KeyIndex, is_first_of_key};
use super::private_versions::{PrivateVersion, PrivateVersions, VersionedRows};
use super::table_sink::sink;
use super::table_state::TableState;
use super::version::TableVersion;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// Table in memory. Clones share its rows.
#[derive(Clone, Debug)]
pub struct StoredTable(Arc<TableState>);

impl StoredTable {
    /// Table with these rows, which get the table's schema.
    ///
    /// # Errors
    /// Rows that do not conform to the definition.
    pub fn new(
        name: &str,
        definition: TableDefinition,
        partitions: Vec<Vec<RecordBatch>>,
    ) -> Result<Self> {
        let conforming = |batches: Vec<RecordBatch>| {
            let batches = batches
                .iter()
                .map(|batch| conform(&definition, name, batch));
            batches.collect::<Result<Vec<_>>>()
        };
        let partitions = partitions.into_iter().map(conforming);
        let version = TableVersion::new(partitions.collect::<Result<Vec<_>>>()?);
        let keys = match definition.keys.is_empty() {
            true => None,
            false => Some(KeyIndex::of(&definition, name, &version)?),
        };
        Ok(Self(Arc::new(TableState {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: RwLock::new(name.to_string()),
            constraints: definition.constraints(),
            definition,
            committed: RwLock::new(Arc::new(version)),
            keys: Mutex::new(keys),
            writer: Arc::default(),
            retired: AtomicBool::new(false),
        })))
    }

    /// Number that no other table has.
    pub fn id(&self) -> u64 {
        self.0.id
    }

    pub fn definition(&self) -> &TableDefinition {
        &self.0.definition
    }

    /// Name for messages.
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// Sets the name for messages.
    pub fn set_name(&self, name: &str) {
        let mut own = self.0.name.write().unwrap_or_else(PoisonError::into_inner);
        *own = name.to_string();
    }

    /// Makes later writes fail, once another table has taken the name of this one or it
    /// was dropped.
    pub fn retire(&self) {
        self.0.retired.store(true, Ordering::Release);
    }

    /// Whether writes fail, as after [`retire`](Self::retire).
    pub fn is_retired(&self) -> bool {
        self.0.retired.load(Ordering::Acquire)
    }

    /// Lock that writers hold while they read and replace the committed version.
    pub fn writer(&self) -> Arc<tokio::sync::Mutex<()>> {
        self.0.writer()
    }

    /// The version that a session sees.
    pub fn version(&self, versions: Option<&PrivateVersions>) -> Arc<TableVersion> {
        let private = versions.and_then(|versions| versions.version(self.0.id));
        private.unwrap_or_else(|| self.0.committed())
    }

    /// Rows with the types of the table that conform to its definition.
    ///
    /// # Errors
    /// The first value that does not conform.
    pub fn conform(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        conform(&self.0.definition, &self.name(), rows)
    }

    /// For each row, the id of the row of a version with the same value of a key.
    ///
    /// # Errors
    /// Columns that cannot be compared.
    pub fn find_key(
        &self,
        version: &TableVersion,
        key: usize,
        rows: &RecordBatch,
    ) -> Result<Vec<Option<u64>>> {
        let mut index = lock(&self.0.keys);
        let current = match index.take() {
            Some(current) if current.number == version.number => current,
            _ => KeyIndex::of(&self.0.definition, &self.name(), version)?,
        };
        index.insert(current).find(&self.0.definition, key, rows)
    }

    /// For each row, whether no row before it has the same key.
    ///
    /// # Errors
    /// Columns that cannot be compared.
    pub fn is_first_of_key(&self, key: usize, rows: &RecordBatch) -> Result<Vec<bool>> {
        is_first_of_key(&self.0.definition.keys[key], rows)
    }

    /// Stores changes of conforming rows. The caller holds the writer lock unless a
    /// transaction is open.
    ///
    /// # Errors
    /// A key that exists; nothing is stored then.
    pub fn apply(&self, versions: Option<&PrivateVersions>, changes: &TableChanges) -> Result<()> {
        let before = self.version(versions);
        let next = self.0.changed(&before, changes)?;
        let appended = changes.inserted.clone().filter(|_| !changes.rewrites());
        self.store(versions, &before, next, appended);
        Ok(())
    }

    /// Removes all rows. The caller holds the writer lock unless a transaction is open.
    ///
    /// # Errors
    /// A table that was altered or dropped meanwhile.
    pub fn clear(&self, versions: Option<&PrivateVersions>) -> Result<()> {
        self.0.check_current()?;
        let before = self.version(versions);
        self.store(versions, &before, Arc::new(TableVersion::empty()), None);
        Ok(())
    }

    /// Makes a transaction fail at its end if another session changes the table
    /// meanwhile; without effect outside of a transaction.
    pub fn claim(&self, versions: &PrivateVersions) {
        let before = self.version(Some(versions));
        if versions.is_open() {
            self.store(Some(versions), &before, Arc::clone(&before), None);
        }
    }

    fn store(
        &self,
        versions: Option<&PrivateVersions>,
        before: &TableVersion,
        next: Arc<TableVersion>,
        appended: Option<RecordBatch>,
    ) {
        let begin = || PrivateVersion {
            rows: Arc::clone(&self.0) as Arc<dyn VersionedRows>,
            base: before.number,
            version: Arc::clone(&next),
            appended: Some(Vec::new()),
        };
        let is_private = versions.is_some_and(|versions| {
            versions.put(self.0.id, |private| {
                let private = private.unwrap_or_else(begin);
                PrivateVersion {
                    version: Arc::clone(&next),
                    appended: private.appended.zip(appended).map(|(mut all, rows)| {
                        all.push(rows);
                        all
                    }),
                    ..private
                }
            })
        });
        if !is_private {
            self.0.publish(next);
        }
    }
}

/// Scan of partitions in memory.
///
/// # Errors
/// A projection outside of the schema.
pub fn scan_partitions(
    state: &dyn Session,
    partitions: &[Vec<RecordBatch>],
    schema: SchemaRef,
    projection: Option<&Vec<usize>>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let source = MemorySourceConfig::try_new(partitions, schema, projection.cloned())?;
    let show_sizes = state.config_options().explain.show_sizes;
    Ok(DataSourceExec::from_data_source(
        source.with_show_sizes(show_sizes),
    ))
}

/// The uncommitted versions of the engine's session.
pub fn private_versions(state: &dyn Session) -> Option<Arc<PrivateVersions>> {
    state.config().get_extension()
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.0.definition.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.0.constraints)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        let at = self.0.definition.schema.index_of(column).ok()?;
        self.0.definition.columns.get(at)?.default.as_ref()
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let version = self.version(private_versions(state).as_deref());
        scan_partitions(state, version.partitions(), self.schema(), projection)
    }

    /// Other writes than inserts are planned as [`TableChanges`].
    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if op != InsertOp::Append {
            return Err(DataFusionError::NotImplemented(format!(
                "{op} is not supported for a table in memory; DELETE its rows first"
            )));
        }
        let (table, versions) = (self.clone(), private_versions(state));
        let write = move |rows: RecordBatch| {
            let rows = table.conform(&rows)?;
            table.apply(versions.as_deref(), &TableChanges::insert(rows))
        };
        Ok(sink(input, self.writer(), Box::new(write)))
    }
}

#[cfg(test)]
mod tests;
