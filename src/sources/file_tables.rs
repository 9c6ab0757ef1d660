//! Files as tables of a session, under their locations.

use std::fmt;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use datafusion::catalog::{DynamicFileCatalog, TableProvider, UrlTableFactory};
use datafusion::error::DataFusionError;
use datafusion::execution::context::SessionState;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::SessionContext;

use super::delta;
use super::location::is_location;
use super::location_table::{self, FormatCache};
use super::remote::ObjectStores;
use crate::error::Result;
use crate::policy::Policy;

/// Adds to a session files as tables, and remote stores that are opened on first
/// use, as far as the policy allows.
///
/// # Errors
/// If the runtime environment cannot be rebuilt, which no input causes.
pub fn install(ctx: SessionContext, policy: Arc<Policy>) -> Result<SessionContext> {
    let old = ctx.runtime_env();
    let stores = ObjectStores::new(Arc::clone(&old.object_store_registry), Arc::clone(&policy));
    let runtime = RuntimeEnvBuilder::from_runtime_env(&old)
        .with_object_store_registry(Arc::new(stores))
        // A cached listing of a folder would never show added files.
        .with_object_list_cache_limit(0)
        .build_arc()?;

    let tables = Arc::new(FileTables::new(Arc::clone(&policy)));
    let catalogs = Arc::clone(ctx.state().catalog_list());
    let factory = Arc::clone(&tables) as Arc<dyn UrlTableFactory>;
    let session_id = ctx.session_id();
    let mut builder = ctx.into_state_builder();
    if let Some(config) = builder.config() {
        // Parquet metadata holds descriptions and the models of vectors.
        config.options_mut().execution.parquet.skip_metadata = false;
    }
    #[cfg(feature = "databases")]
    let builder = {
        let databases = super::databases::DatabaseTableFactory {
            policy: Arc::clone(&policy),
        };
        builder.with_table_factory(super::databases::STORED_AS.to_string(), Arc::new(databases))
    };
    let mut builder = builder;
    for name in delta::STORED_AS {
        let policy = Arc::clone(&policy);
        let factory = Arc::new(delta::DeltaTableFactory { policy });
        builder = builder.with_table_factory((*name).to_string(), factory);
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

/// Registers the files at `location` as the table `name`.
#[cfg(test)]
pub async fn register_table(ctx: &SessionContext, name: &str, location: &str) -> Result<()> {
    let table = open_table(ctx, location).await?;
    ctx.register_table(name, table)?;
    Ok(())
}

/// Opens the files at `location` (a path, a folder, a pattern or a URL) as a table.
///
/// # Errors
/// No files, an unknown format, or files that cannot be read.
pub async fn open_table(ctx: &SessionContext, location: &str) -> Result<Arc<dyn TableProvider>> {
    location_table::open(&ctx.state(), &FormatCache::default(), location).await
}

type CurrentState = Box<dyn Fn() -> Option<SessionState> + Send + Sync>;

/// Factory of tables for names that are missing in the catalogue.
struct FileTables {
    state: OnceLock<CurrentState>,
    formats: FormatCache,
    policy: Arc<Policy>,
}

impl FileTables {
    fn new(policy: Arc<Policy>) -> Self {
        Self {
            state: OnceLock::new(),
            formats: FormatCache::default(),
            policy,
        }
    }

    /// Checks that the policy allows reading a location.
    fn check(&self, location: &str) -> Result<()> {
        #[cfg(feature = "databases")]
        if let Some(address) = super::databases::address(location)? {
            return super::databases::check(&self.policy, &address);
        }
        self.policy.check_read_location(location)
    }

    /// The reference to the session is weak: the session owns this through its
    /// catalogue.
    fn attach(&self, ctx: &SessionContext) {
        let weak = ctx.state_weak_ref();
        let current: CurrentState = Box::new(move || Some(weak.upgrade()?.read().clone()));
        // Called once, directly after construction.
        let _ = self.state.set(current);
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
        if !is_location(name) {
            return Ok(None);
        }
        let Some(state) = self.state.get().and_then(|current| current()) else {
            return Ok(None);
        };
        // Checked before any access to the file system: an error must not reveal
        // what exists.
        self.check(name)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        location_table::open(&state, &self.formats, name)
            .await
            .map(Some)
            .map_err(|error| DataFusionError::External(Box::new(error)))
    }
}
