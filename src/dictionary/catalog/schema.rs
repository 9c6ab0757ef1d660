//! Schema provider with the tables of the dictionary.
//!
//! A table is opened when a statement names it. So a file that appears while a
//! script runs is found, a rewritten one is read with its new schema and statistics,
//! and opening a session costs nothing for each table.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::TableType;
use datafusion::prelude::SessionContext;
use semql_udfs::inference::sync::lock;

use crate::dictionary::annotate::describe_provider;
use crate::dictionary::data_stamp::DataStamp;
use crate::dictionary::model::{Dictionary, DictionaryTable};
use crate::dictionary::table_location::TableLocation;
use crate::sources;

/// Returns the state of the session, unless it has ended.
pub type CurrentSession = Box<dyn Fn() -> Option<SessionState> + Send + Sync>;

/// Schema provider that adds the tables of the dictionary to another schema.
pub struct DictionarySchema {
    /// Schema of what the session registers: views, `CREATE TABLE`, `'file'`.
    inner: Arc<dyn SchemaProvider>,
    pub dictionary: Arc<Dictionary>,
    session: CurrentSession,
    built: Mutex<HashMap<String, BuiltTable>>,
    /// Tables of the dictionary that `DROP TABLE` removed in this session.
    dropped: Mutex<HashSet<String>>,
}

/// A table, with the stamp of the files that it was built from.
struct BuiltTable {
    stamp: DataStamp,
    provider: Arc<dyn TableProvider>,
}

impl std::fmt::Debug for DictionarySchema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DictionarySchema")
            .field("dictionary", &self.dictionary.path())
            .finish_non_exhaustive()
    }
}

impl DictionarySchema {
    /// `session` returns the state of the session, unless it has ended.
    pub fn new(
        inner: Arc<dyn SchemaProvider>,
        dictionary: Arc<Dictionary>,
        session: CurrentSession,
    ) -> Self {
        Self {
            inner,
            dictionary,
            session,
            built: Mutex::default(),
            dropped: Mutex::default(),
        }
    }

    /// The table of the dictionary with this name, unless the session has a table of
    /// this name or dropped it.
    pub fn declared(&self, name: &str) -> Option<(&DictionaryTable, &TableLocation)> {
        let table = self.dictionary.table(name)?;
        let location = table.location.as_ref()?;
        if self.inner.table_exist(name) || lock(&self.dropped).contains(name) {
            return None;
        }
        Some((table, location))
    }

    /// The same, if its data exists. Without data the table does not exist in SQL, so
    /// that `CREATE TABLE`, `CREATE VIEW` and `DROP ... IF EXISTS` work with its name.
    fn present(&self, name: &str) -> Option<(&DictionaryTable, &TableLocation)> {
        self.declared(name)
            .filter(|(_, location)| DataStamp::of(location) != DataStamp::Missing)
    }

    async fn build(
        &self,
        table: &DictionaryTable,
        location: &TableLocation,
    ) -> Result<Arc<dyn TableProvider>> {
        let stamp = DataStamp::of(location);
        if let Some(built) = lock(&self.built).get(&table.name)
            && stamp.is_unchanged_since(&built.stamp)
        {
            return Ok(Arc::clone(&built.provider));
        }
        let Some(state) = (self.session)() else {
            return Err(DataFusionError::Plan("the session has ended".into()));
        };
        let ctx = SessionContext::new_with_state(state);
        let runtime = ctx.runtime_env();
        if let Some(listings) = runtime.cache_manager.get_list_files_cache() {
            // A cached listing of a folder would hide the change.
            listings.clear();
        }
        let opened = sources::open_table(&ctx, &location.resolved).await;
        let provider = opened.map_err(|mut e| {
            // The exit code is kept: an unreachable host is an error of set-up.
            e.message = format!("table '{}': {}", table.name, e.message);
            DataFusionError::External(Box::new(e))
        })?;
        let provider = describe_provider(provider, table, &runtime.cache_manager)?;
        let built = BuiltTable {
            stamp,
            provider: Arc::clone(&provider),
        };
        lock(&self.built).insert(table.name.clone(), built);
        Ok(provider)
    }
}

#[async_trait]
impl SchemaProvider for DictionarySchema {
    fn table_names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.inner.table_names().into_iter().collect();
        for table in self.dictionary.tables() {
            if self.table_exist(&table.name) {
                names.insert(table.name.clone());
            }
        }
        names.into_iter().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.present(name) {
            Some((table, location)) => self.build(table, location).await.map(Some),
            None => self.inner.table(name).await,
        }
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        match self.present(name) {
            Some(_) => Ok(Some(TableType::Base)),
            None => self.inner.table_type(name).await,
        }
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> Result<Option<Arc<dyn TableProvider>>> {
        self.inner.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.present(name).is_none() {
            return self.inner.deregister_table(name);
        }
        lock(&self.dropped).insert(name.to_string());
        Ok(lock(&self.built).remove(name).map(|built| built.provider))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.present(name).is_some() || self.inner.table_exist(name)
    }
}
