//! Temporary tables and the transaction of one session.

use std::sync::{Arc, Mutex};

use datafusion::catalog::{CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::error::Result;
use semql_udfs::inference::sync::lock;

use super::descriptions::Descriptions;
use super::open_transaction::{
    NameChange, Savepoint, SchemaChange, TemporaryTable, TemporaryTables, Transaction, conflict,
    no_savepoint, restore_schemas,
};
use super::private_versions::{PrivateVersions, VersionMap};
use super::stored_table::StoredTable;
use super::table_name::TableName;

#[derive(Debug, Default)]
struct State {
    temporary: TemporaryTables,
    transaction: Option<Transaction>,
}

/// Temporary tables, and the uncommitted changes of a transaction.
///
/// A transaction sees the committed rows of tables that it has not written, and its
/// version of the others. Other sessions see its changes once it commits. COMMIT
/// fails if another session has meanwhile changed the same rows or names.
#[derive(Debug, Default)]
pub struct SessionTables {
    state: Mutex<State>,
    versions: Arc<PrivateVersions>,
    /// Held while a transaction commits; shared by all sessions.
    commit: Arc<tokio::sync::Mutex<()>>,
    descriptions: Arc<Descriptions>,
}

impl SessionTables {
    /// Without temporary tables and outside of a transaction.
    pub fn beside(&self) -> Self {
        Self {
            state: Mutex::default(),
            versions: Arc::default(),
            commit: Arc::clone(&self.commit),
            descriptions: Arc::clone(&self.descriptions),
        }
    }

    /// Uncommitted versions of tables.
    pub fn versions(&self) -> &Arc<PrivateVersions> {
        &self.versions
    }

    /// Whether a transaction is open.
    pub fn is_open(&self) -> bool {
        lock(&self.state).transaction.is_some()
    }

    /// Opens a transaction, unless one is open.
    pub fn begin(&self) {
        let mut state = lock(&self.state);
        if state.transaction.is_none() {
            state.transaction = Some(Transaction {
                temporary_before: state.temporary.clone(),
                ..Transaction::default()
            });
            self.versions.replace(Some(VersionMap::new()));
        }
    }

    /// Ends the transaction without its changes.
    pub fn rollback(&self, catalogs: &dyn CatalogProviderList) {
        let mut state = lock(&self.state);
        if let Some(transaction) = state.transaction.take() {
            restore_schemas(catalogs, &transaction.schemas);
            state.temporary = transaction.temporary_before;
            self.versions.replace(None);
        }
    }

    /// Ends the transaction, and publishes its changes in the shared catalogue.
    ///
    /// # Errors
    /// [`ErrorKind::ConcurrentChange`], [`ErrorKind::UniqueViolation`]: nothing is
    /// published, and the transaction ends as by a rollback.
    pub async fn commit(&self, catalogs: &dyn CatalogProviderList) -> Result<()> {
        let shared = Arc::clone(&self.commit);
        let _exclusive = shared.lock().await;
        let written = self.versions.snapshot().unwrap_or_default();
        let mut ids: Vec<u64> = written.keys().copied().collect();
        ids.sort_unstable();
        let mut writers = Vec::with_capacity(ids.len());
        for id in &ids {
            writers.push(written[id].rows.writer().lock_owned().await);
        }
        let merged: Result<Vec<_>> = ids
            .iter()
            .map(|id| written[id].rows.merged(&written[id]))
            .collect();
        let published = merged.and_then(|merged| {
            self.publish_names(catalogs)?;
            for (id, version) in ids.iter().zip(merged) {
                written[id].rows.publish(version);
            }
            Ok(())
        });
        if published.is_err() {
            self.rollback(catalogs);
            return published;
        }
        let mut state = lock(&self.state);
        state.transaction = None;
        state.temporary.retain(|_, table| !table.dropped_at_commit);
        self.versions.replace(None);
        Ok(())
    }

    /// Registers created tables and removes dropped ones, after a check of all.
    fn publish_names(&self, catalogs: &dyn CatalogProviderList) -> Result<()> {
        let state = lock(&self.state);
        let Some(transaction) = &state.transaction else {
            return Ok(());
        };
        let mut changes = Vec::with_capacity(transaction.names.len());
        for (name, change) in &transaction.names {
            let schema = catalogs.catalog(&name.catalog);
            let schema = schema.and_then(|catalog| catalog.schema(&name.schema));
            let schema = schema.ok_or_else(|| conflict(name, "its schema was dropped"))?;
            let exists = schema.table_exist(&name.table);
            if change.now.is_some() && exists && !change.existed {
                return Err(conflict(name, "another connection has created it"));
            }
            if change.now.is_some() && !exists && change.existed {
                return Err(conflict(name, "another connection has dropped it"));
            }
            changes.push((schema, name, change, exists));
        }
        let mut replaced = Vec::new();
        for (schema, name, change, exists) in &changes {
            if *exists && change.existed {
                replaced.extend(schema.deregister_table(&name.table)?);
            }
        }
        for (schema, name, change, _) in changes {
            if let Some(table) = &change.now {
                schema.register_table(name.table.clone(), Arc::clone(table))?;
            }
        }
        let now = transaction
            .names
            .values()
            .filter_map(|change| change.now.as_ref());
        let now: Vec<u64> = now.filter_map(stored).map(StoredTable::id).collect();
        for table in replaced.iter().filter_map(stored) {
            // A table that was renamed remains.
            if !now.contains(&table.id()) {
                table.retire();
            }
        }
        Ok(())
    }

    /// Adds a savepoint; without effect outside of a transaction.
    pub fn savepoint(&self, name: &str) {
        let mut state = lock(&self.state);
        let temporary = state.temporary.clone();
        if let Some(transaction) = &mut state.transaction {
            transaction.savepoints.push(Savepoint {
                name: name.to_string(),
                names: transaction.names.clone(),
                schemas: transaction.schemas.len(),
                temporary,
                versions: self.versions.snapshot().unwrap_or_default(),
            });
        }
    }

    /// Removes a savepoint and those after it.
    ///
    /// # Errors
    /// A savepoint that does not exist.
    pub fn release(&self, name: &str) -> Result<()> {
        let mut state = lock(&self.state);
        let savepoints = state.transaction.as_mut().map(|it| &mut it.savepoints);
        let savepoints = savepoints.ok_or_else(|| no_savepoint(name))?;
        let at = savepoints
            .iter()
            .rposition(|savepoint| savepoint.name == name);
        savepoints.truncate(at.ok_or_else(|| no_savepoint(name))?);
        Ok(())
    }

    /// Takes back all changes since a savepoint, which remains.
    ///
    /// # Errors
    /// A savepoint that does not exist.
    pub fn rollback_to(&self, name: &str, catalogs: &dyn CatalogProviderList) -> Result<()> {
        let mut state = lock(&self.state);
        let state = &mut *state;
        let transaction = state
            .transaction
            .as_mut()
            .ok_or_else(|| no_savepoint(name))?;
        let savepoints = &transaction.savepoints;
        let at = savepoints
            .iter()
            .rposition(|savepoint| savepoint.name == name);
        let at = at.ok_or_else(|| no_savepoint(name))?;
        let Some(savepoint) = savepoints.get(at) else {
            return Err(no_savepoint(name));
        };
        transaction.names = savepoint.names.clone();
        state.temporary = savepoint.temporary.clone();
        self.versions.replace(Some(savepoint.versions.clone()));
        let created = transaction.schemas.split_off(savepoint.schemas);
        restore_schemas(catalogs, &created);
        transaction.savepoints.truncate(at + 1);
        Ok(())
    }

    /// Notes a schema that the transaction has created.
    pub fn note_created_schema(&self, catalog: &str, schema: &str) {
        self.note_schema(catalog, schema, None);
    }

    /// Notes a schema that the transaction has dropped.
    pub fn note_dropped_schema(
        &self,
        catalog: &str,
        schema: &str,
        before: Option<Arc<dyn SchemaProvider>>,
    ) {
        if before.is_some() {
            self.note_schema(catalog, schema, before);
        }
    }

    fn note_schema(&self, catalog: &str, schema: &str, before: Option<Arc<dyn SchemaProvider>>) {
        if let Some(transaction) = &mut lock(&self.state).transaction {
            transaction.schemas.push(SchemaChange {
                catalog: catalog.to_string(),
                schema: schema.to_string(),
                before,
            });
        }
    }

    /// Descriptions of tables and columns, which all sessions share.
    pub fn descriptions(&self) -> &Arc<Descriptions> {
        &self.descriptions
    }

    /// Changes what a name stands for in the transaction. Returns `false` outside of
    /// a transaction.
    pub fn change(
        &self,
        name: TableName,
        existed: bool,
        now: Option<Arc<dyn TableProvider>>,
    ) -> bool {
        let mut state = lock(&self.state);
        let Some(transaction) = &mut state.transaction else {
            return false;
        };
        let existed = transaction
            .names
            .get(&name)
            .map_or(existed, |change| change.existed);
        transaction.names.insert(name, NameChange { existed, now });
        true
    }

    /// What the transaction has made of a name; `None` if it has not changed it.
    pub fn changed(&self, name: &TableName) -> Option<Option<Arc<dyn TableProvider>>> {
        let state = lock(&self.state);
        let change = state.transaction.as_ref()?.names.get(name)?;
        Some(change.now.clone())
    }

    /// The names of a schema that the transaction has changed, with whether they
    /// exist now.
    pub fn changed_names(&self, catalog: &str, schema: &str) -> Vec<(String, bool)> {
        let state = lock(&self.state);
        let names = state.transaction.iter().flat_map(|it| &it.names);
        let names = names.filter(|(name, _)| name.catalog == catalog && name.schema == schema);
        names
            .map(|(name, change)| (name.table.clone(), change.now.is_some()))
            .collect()
    }

    pub fn temporary(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        let state = lock(&self.state);
        state
            .temporary
            .get(name)
            .map(|table| Arc::clone(&table.provider))
    }

    pub fn temporary_names(&self) -> Vec<String> {
        lock(&self.state).temporary.keys().cloned().collect()
    }

    pub fn put_temporary(&self, name: String, table: TemporaryTable) {
        lock(&self.state).temporary.insert(name, table);
    }

    pub fn remove_temporary(&self, name: &str) -> Option<TemporaryTable> {
        lock(&self.state).temporary.remove(name)
    }

    /// Replaces a temporary table. Returns `false` if there is none of this name.
    pub fn replace_temporary(&self, name: &str, provider: &Arc<dyn TableProvider>) -> bool {
        let mut state = lock(&self.state);
        let table = state.temporary.get_mut(name);
        table.is_some_and(|table| {
            table.provider = Arc::clone(provider);
            true
        })
    }
}

fn stored(table: &Arc<dyn TableProvider>) -> Option<&StoredTable> {
    table.downcast_ref::<StoredTable>()
}
