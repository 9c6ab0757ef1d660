//! Files as tables: `SELECT * FROM 'products.parquet'`, folders, patterns and
//! remote places.
//!
//! `format` lists the formats by extension; `place` turns a location into
//! files; `sample`, `csv` and `json` look into them for dialect and types;
//! `files` makes a table of them, `objects` reads JSON that the engine cannot; `remote` opens stores on first use, of which
//! `web` and `hub` are our own.

mod csv;
mod files;
pub mod format;
#[cfg(test)]
pub mod fuzz;
pub mod glob;
mod hub;
mod json;
mod objects;
pub mod place;
mod policed;
pub mod remote;
mod sample;
mod web;

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::catalog::{DynamicFileCatalog, TableProvider, UrlTableFactory};
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionState;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionContext;

use crate::error::Result;
use crate::policy::Policy;
use files::Shapes;

/// The session with files as tables, under their paths, and with remote stores
/// that open themselves on first use, as far as the policy allows.
///
/// # Errors
/// If the runtime environment cannot be rebuilt, which no input causes.
pub fn install(ctx: SessionContext, policy: Arc<Policy>) -> Result<SessionContext> {
    let old = ctx.runtime_env();
    let stores = remote::Stores::new(Arc::clone(&old.object_store_registry), Arc::clone(&policy));
    let runtime = RuntimeEnvBuilder::from_runtime_env(&old)
        .with_object_store_registry(Arc::new(stores))
        // A folder's listing would be kept for good, also when files are added.
        .with_object_list_cache_limit(0)
        .build_arc()?;

    let tables = Arc::new(FileTables::new(policy));
    let catalogs = Arc::clone(ctx.state().catalog_list());
    let factory = Arc::clone(&tables) as Arc<dyn UrlTableFactory>;
    let session_id = ctx.session_id();
    let mut builder = ctx.into_state_builder();
    if let Some(config) = builder.config() {
        // Descriptions and the origin of vectors live in the metadata of Parquet.
        config.options_mut().execution.parquet.skip_metadata = false;
    }
    let ctx: SessionContext = builder
        .with_session_id(session_id)
        .with_runtime_env(runtime)
        .with_catalog_list(Arc::new(DynamicFileCatalog::new(catalogs, factory)))
        .build()
        .into();
    tables.attach(&ctx);
    Ok(ctx)
}

/// Makes the files at `location` (a path, a folder, a pattern or a URL) the
/// table `name`.
///
/// # Errors
/// Nothing is there, the format is not known, or the files cannot be read.
pub async fn register_table(ctx: &SessionContext, name: &str, location: &str) -> Result<()> {
    let table = files::open(&ctx.state(), &Shapes::default(), location).await?;
    ctx.register_table(TableReference::bare(name), table)?;
    Ok(())
}

type StateNow = Box<dyn Fn() -> Option<SessionState> + Send + Sync>;

/// Opens what a statement names as a table and the catalogue does not know.
struct FileTables {
    state: OnceLock<StateNow>,
    shapes: Shapes,
    policy: Arc<Policy>,
}

impl FileTables {
    fn new(policy: Arc<Policy>) -> Self {
        Self {
            state: OnceLock::new(),
            shapes: Shapes::default(),
            policy,
        }
    }

    /// The session owns its catalogue, which owns this: hence the weak way back.
    fn attach(&self, ctx: &SessionContext) {
        let weak = ctx.state_weak_ref();
        let now: StateNow = Box::new(move || Some(weak.upgrade()?.read().clone()));
        // Called once, straight after construction.
        let _ = self.state.set(now);
    }
}

impl fmt::Debug for FileTables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileTables")
    }
}

#[async_trait]
impl UrlTableFactory for FileTables {
    async fn try_new(
        &self,
        name: &str,
    ) -> datafusion::error::Result<Option<Arc<dyn TableProvider>>> {
        if !place::is_location(name) {
            return Ok(None);
        }
        let Some(state) = self.state.get().and_then(|now| now()) else {
            return Ok(None);
        };
        // Before the file system is asked, so that a refusal reveals nothing.
        place::check_allowed(&self.policy, name)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        files::open(&state, &self.shapes, name)
            .await
            .map(Some)
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }
}

#[cfg(test)]
mod tests;
