//! The dictionary's tables in the SQL catalogue.
//!
//! A schema provider stands before the session's own and looks a table up at
//! the moment a statement names it. So a file that appears while a script runs
//! is found, one that was written again is read with its new schema and
//! statistics, and opening a session costs nothing per table.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::TableType;
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::TableFactor;

use super::Dictionary;
use super::annotate::describe_provider;
use super::model::{Location, Table};
use crate::error::ShellError;
use crate::sources;

/// Puts the dictionary's tables before those of the session's default schema.
pub(super) fn register(
    ctx: &SessionContext,
    dictionary: &Arc<Dictionary>,
) -> crate::error::Result<()> {
    let state = ctx.state();
    let names = &state.config_options().catalog;
    let catalog = ctx
        .catalog(&names.default_catalog)
        .ok_or_else(|| ShellError::setup("the session has no default catalogue"))?;
    let inner = catalog
        .schema(&names.default_schema)
        .ok_or_else(|| ShellError::setup("the session has no default schema"))?;
    // Weak, because the session owns the catalogue and so this provider.
    let session = ctx.state_weak_ref();
    let schema = Arc::new(DictionarySchema {
        inner,
        dictionary: Arc::clone(dictionary),
        session: Box::new(move || session.upgrade().map(|state| state.read().clone())),
        built: Mutex::default(),
        dropped: Mutex::default(),
        turn: AtomicU64::new(0),
    });
    catalog.register_schema(&names.default_schema, Arc::clone(&schema) as _)?;
    let planner = Arc::new(MissingTables {
        default_schema: names.default_schema.clone(),
        schema,
    });
    ctx.state_ref().write().register_relation_planner(planner)?;
    Ok(())
}

struct DictionarySchema {
    /// What the session registers itself: views, `CREATE TABLE`, `'file'`.
    inner: Arc<dyn SchemaProvider>,
    dictionary: Arc<Dictionary>,
    session: Box<dyn Fn() -> Option<SessionState> + Send + Sync>,
    built: Mutex<HashMap<String, Built>>,
    /// Tables of the dictionary that `DROP TABLE` took away for this session.
    dropped: Mutex<HashSet<String>>,
    turn: AtomicU64,
}

/// A table built from its files, and how they looked then.
struct Built {
    stamp: Stamp,
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
    /// The table of the dictionary that this name stands for, unless the
    /// session has a table of that name itself or dropped this one.
    ///
    /// A table without data does not exist as far as SQL is concerned, so that
    /// `CREATE TABLE`, `CREATE VIEW` and `DROP ... IF EXISTS` work with its name.
    fn declared(&self, name: &str) -> Option<(&Table, &Location)> {
        let table = self.dictionary.table(name)?;
        let location = table.location.as_ref()?;
        if self.inner.table_exist(name) || lock(&self.dropped).contains(name) {
            return None;
        }
        Some((table, location))
    }

    /// The same, if its data is there.
    fn present(&self, name: &str) -> Option<(&Table, &Location)> {
        self.declared(name)
            .filter(|(_, location)| Stamp::of(location) != Stamp::Missing)
    }

    async fn build(&self, table: &Table, location: &Location) -> Result<Arc<dyn TableProvider>> {
        let stamp = Stamp::of(location);
        if let Some(built) = lock(&self.built).get(&table.name)
            && stamp.still(&built.stamp)
        {
            return Ok(Arc::clone(&built.provider));
        }
        let Some(state) = (self.session)() else {
            return Err(DataFusionError::Plan("the session has ended".into()));
        };
        let ctx = SessionContext::new_with_state(state);
        let runtime = ctx.runtime_env();
        if let Some(listings) = runtime.cache_manager.get_list_files_cache() {
            // A folder's listing is kept for good; this one has changed.
            listings.clear();
        }
        let opened = self.open(&ctx, &location.resolved).await;
        let provider = opened.map_err(|mut e| {
            // The code stays: a host that cannot be reached is a matter of set-up.
            e.message = format!("table '{}': {}", table.name, e.message);
            DataFusionError::External(Box::new(e))
        })?;
        let provider = describe_provider(provider, table, &runtime.cache_manager)?;
        let built = Built {
            stamp,
            provider: Arc::clone(&provider),
        };
        lock(&self.built).insert(table.name.clone(), built);
        Ok(provider)
    }

    /// Opens a location the way the session opens files: under a passing name,
    /// taken out again at once.
    async fn open(
        &self,
        ctx: &SessionContext,
        location: &str,
    ) -> crate::error::Result<Arc<dyn TableProvider>> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let name = format!("__dictionary_{turn}");
        sources::register_table(ctx, &name, location).await?;
        self.inner
            .deregister_table(&name)?
            .ok_or_else(|| ShellError::query("the table vanished while it was being opened"))
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

/// Replaces the engine's "not found" for tables of the dictionary that have no
/// data yet with where the data is expected.
#[derive(Debug)]
struct MissingTables {
    default_schema: String,
    schema: Arc<DictionarySchema>,
}

thread_local! {
    /// Set while the engine plans a relation that [`MissingTables`] handed on.
    static HANDED_ON: Cell<bool> = const { Cell::new(false) };
}

impl RelationPlanner for MissingTables {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let missing = match &relation {
            TableFactor::Table {
                name, args: None, ..
            } if !HANDED_ON.get() => {
                let table = context.object_name_to_table_reference(name.clone())?;
                let ours = table
                    .schema()
                    .is_none_or(|named| named == self.default_schema);
                let name = table.table();
                let declared = self.schema.declared(name).is_some();
                (ours && declared)
                    .then(|| missing(&self.schema.dictionary, name))
                    .flatten()
            }
            _ => None,
        };
        let Some(message) = missing else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        // The name may be that of a common table expression, which only the
        // engine knows, so it plans the relation first.
        HANDED_ON.set(true);
        let planned = context.plan(relation);
        HANDED_ON.set(false);
        match planned {
            Ok(plan) => {
                let planned = PlannedRelation::new(plan, None);
                Ok(RelationPlanning::Planned(Box::new(planned)))
            }
            Err(_) => Err(DataFusionError::Plan(message)),
        }
    }
}

/// What a user reads who names a table of the dictionary whose data is not
/// there (yet); `None` where there is data or the dictionary has no such table.
pub fn missing(dictionary: &Dictionary, name: &str) -> Option<String> {
    let location = dictionary.table(name)?.location.as_ref()?;
    if Stamp::of(location) != Stamp::Missing {
        return None;
    }
    let file = dictionary
        .path()
        .map(|path| format!(" '{}'", path.display()))
        .unwrap_or_default();
    Some(format!(
        "table '{name}' has no data yet: the data dictionary{file} says it lies at '{0}', and \
         nothing is there; write it with COPY ... TO '{0}', or correct the location",
        location.resolved
    ))
}

/// Nothing that can fail runs while one of these locks is held.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How the data at a location looks from outside; two equal stamps mean that
/// what was read from it still holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stamp {
    Missing,
    /// Every file: path, size, time of change, and the file's identity where
    /// there is one, since a file renamed into place may keep the others.
    Files(Vec<(PathBuf, u64, Option<SystemTime>, u64)>),
    /// A pattern over files: cheap to look up again, so never trusted.
    Pattern,
    /// A remote place: looked up once for a session.
    Remote,
}

impl Stamp {
    pub(super) fn of(location: &Location) -> Self {
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

    fn still(&self, before: &Self) -> bool {
        self != &Self::Pattern && self == before
    }
}

fn gather(
    path: &Path,
    files: &mut Vec<(PathBuf, u64, Option<SystemTime>, u64)>,
) -> std::io::Result<()> {
    let metadata = std::fs::metadata(path)?;
    if metadata.is_dir() {
        for entry in std::fs::read_dir(path)? {
            gather(&entry?.path(), files)?;
        }
    } else {
        let changed = metadata.modified().ok();
        files.push((
            path.to_path_buf(),
            metadata.len(),
            changed,
            identity(&metadata),
        ));
    }
    Ok(())
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(metadata)
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests;
