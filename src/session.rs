//! Session: a DataFusion context with semql's functions, files as tables and the
//! data dictionary.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::catalog::CatalogProviderList;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};

use semql_udfs::AiOptions;
use tokio_util::sync::CancellationToken;

use crate::cluster::Remote;
use crate::delta::{DeltaLake, with_delta};
use crate::dialect::register_planning;
use crate::dictionary::{self, Dictionary, load_dictionary};
use crate::error::{Result, ShellError};
use crate::functions::register_functions;
use crate::policy::Policy;
use crate::state_copy::StateCopy;
use crate::tables::{DefaultSchema, SessionCatalogs, SessionTables, SharedCatalogs};
use crate::{settings, sources};

/// Default path of the dictionary.
const DEFAULT_DICTIONARY: &str = "data_dict.yaml";

/// Maximum number of memory consumers in an out-of-memory error.
const MAX_NAMED_CONSUMERS: std::num::NonZeroUsize = match std::num::NonZeroUsize::new(3) {
    Some(three) => three,
    None => std::num::NonZeroUsize::MIN,
};

/// Time zone in which instants are shown.
const DEFAULT_TIME_ZONE: &str = "UTC";

/// Options of a session, from the command line.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    pub data_dict: Option<PathBuf>,
    /// Whether to load a dictionary in the working folder.
    pub default_dictionary: bool,
    /// Keys and values. They are assigned before the policy holds.
    pub settings: Vec<(String, String)>,
    /// Bytes that queries may reserve before they spill to disk.
    pub memory_limit: Option<usize>,
    /// Cluster that runs queries; this process by default.
    pub remote: Option<Arc<dyn Remote>>,
    /// Tables of Delta Lake; refused by default.
    pub delta: Option<Arc<dyn DeltaLake>>,
    /// Policy of statements, which may also read the tables of the dictionary.
    pub policy: Policy,
}

/// Session over the files of the working folder.
pub struct Session {
    pub ctx: SessionContext,
    pub dictionary: Arc<Dictionary>,
    pub ai: Arc<semql_udfs::Runtime>,
    pub policy: Arc<Policy>,
    /// Temporary tables and the transaction of this session.
    pub tables: Arc<SessionTables>,
    /// Catalogues that all sessions share, without what `tables` adds.
    pub catalogs: Arc<dyn CatalogProviderList>,
    memory_limit: Option<usize>,
    state: StateCopy,
}

impl Session {
    /// Opens a session. Loads no model and reads no data file.
    ///
    /// # Errors
    /// A dictionary that is missing or invalid; an invalid setting.
    pub async fn open(options: &SessionOptions) -> Result<Self> {
        let dictionary = Arc::new(read_dictionary(options)?);
        let mut policy = options.policy.clone().with_settings(&options.settings);
        for table in dictionary.tables() {
            if let Some(location) = &table.location {
                policy.allow_location(&location.resolved)?;
            }
        }
        let policy = Arc::new(policy);
        let config = match &options.remote {
            Some(remote) => remote.configured(config()),
            None => config(),
        };
        let config = match &options.delta {
            Some(delta) => with_delta(config, delta),
            None => config,
        };
        let ctx = SessionContext::new_with_config_rt(config, environment(options.memory_limit)?);
        let memory = Arc::clone(ctx.state().catalog_list());
        let ctx = sources::install(ctx, Arc::clone(&policy))?;
        register_functions(&ctx)?;
        semql_udfs::register_all(&ctx)?;
        register_planning(&ctx)?;
        if let Some(remote) = &options.remote {
            remote.install(&ctx).await?;
        }
        let ai = semql_udfs::runtime(&ctx);
        for taxonomy in dictionary.taxonomies() {
            ai.set_taxonomy(taxonomy.clone());
        }
        for set in dictionary.attribute_sets() {
            ai.set_attribute_set(set.clone());
        }
        dictionary::register(&ctx, &dictionary).await?;
        for (key, value) in &options.settings {
            settings::assign(&ctx, &Policy::unrestricted(), key, Some(value.as_str()))
                .await
                .map_err(|error| ShellError {
                    message: format!("--set {key}={value}: {}", error.message),
                    ..ShellError::usage("")
                })?;
        }
        if let Some(options) = AiOptions::from_session(&ctx) {
            ai.allow_model(options.settings.model);
        }
        ai.set_limits(policy.runtime_limits());
        let tables = Arc::new(SessionTables::default());
        let files = Arc::clone(ctx.state().catalog_list());
        let catalogs: Arc<dyn CatalogProviderList> = Arc::new(SharedCatalogs::new(files, memory));
        present_tables(&ctx, &catalogs, &tables);
        Ok(Self {
            ctx,
            dictionary,
            ai,
            policy,
            tables,
            catalogs,
            memory_limit: options.memory_limit,
            state: StateCopy::default(),
        })
    }

    /// Creates a session that shares tables, functions, models and policy with
    /// this one. Its settings start as a copy. It has its own temporary tables and
    /// transactions.
    pub fn beside(&self) -> Self {
        let state = SessionStateBuilder::new_from_existing(self.ctx.state()).build();
        let ctx = SessionContext::new_with_state(state);
        let tables = Arc::new(self.tables.beside());
        present_tables(&ctx, &self.catalogs, &tables);
        Self {
            ctx,
            tables,
            catalogs: Arc::clone(&self.catalogs),
            dictionary: Arc::clone(&self.dictionary),
            ai: Arc::clone(&self.ai),
            policy: Arc::clone(&self.policy),
            memory_limit: self.memory_limit,
            state: StateCopy::default(),
        }
    }

    /// The engine's state with the present settings, to plan and run a statement.
    pub fn state(&self) -> Arc<SessionState> {
        self.state.of(&self.ctx)
    }

    /// Memory limit of queries, as text.
    pub fn memory_limit_shown(&self) -> String {
        match self.memory_limit {
            Some(bytes) => format!("{} MiB", bytes >> 20),
            None => "any amount".to_string(),
        }
    }

    /// Assigns a value to the setting `key`, or its default for `None`.
    ///
    /// # Errors
    /// As [`settings::assign`].
    pub async fn assign(&self, key: &str, value: Option<&str>) -> Result<()> {
        settings::assign(&self.ctx, &self.policy, key, value).await
    }

    /// Publishes the changes of the transaction, and ends it.
    ///
    /// # Errors
    /// Changes of other sessions that prevent it; the transaction ends without its
    /// changes then.
    pub async fn commit(&self) -> Result<()> {
        Ok(self.tables.commit(self.catalogs.as_ref()).await?)
    }

    /// Takes back the changes of the transaction, and ends it.
    pub fn rollback(&self) {
        self.tables.rollback(self.catalogs.as_ref());
    }

    /// Takes back the changes since a savepoint.
    ///
    /// # Errors
    /// A savepoint that does not exist.
    pub fn rollback_to(&self, savepoint: &str) -> Result<()> {
        Ok(self.tables.rollback_to(savepoint, self.catalogs.as_ref())?)
    }

    /// Sets the token that cancels models, training and index building of the
    /// statements that are planned from now on.
    pub fn cancel_with(&self, token: CancellationToken) {
        let state = self.ctx.state_ref();
        let mut state = state.write();
        let options = state.config_mut().options_mut();
        if let Some(ai) = options.extensions.get_mut::<AiOptions>() {
            ai.cancel = token;
        }
    }
}

/// Shows a session its temporary tables and its uncommitted changes.
fn present_tables(
    ctx: &SessionContext,
    catalogs: &Arc<dyn CatalogProviderList>,
    tables: &Arc<SessionTables>,
) {
    let state = ctx.state_ref();
    let mut state = state.write();
    let names = &state.config_options().catalog;
    let default = DefaultSchema {
        catalog: names.default_catalog.clone(),
        schema: names.default_schema.clone(),
    };
    let own = SessionCatalogs::new(Arc::clone(catalogs), Arc::clone(tables), default);
    let own = Arc::new(own);
    state.register_catalog_list(Arc::clone(&own) as _);
    let config = state.config_mut();
    config.set_extension(Arc::clone(tables.versions()));
    // The catalogue of Postgres lists the tables that the session sees.
    config.set_extension(own);
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_information_schema(true);
    // Parquet metadata holds descriptions and the provenance of vectors.
    config.options_mut().execution.parquet.skip_metadata = false;
    // `timestamptz` is an instant.
    config.options_mut().execution.time_zone = Some(DEFAULT_TIME_ZONE.to_string());
    // Errors can then name their line.
    config.options_mut().sql_parser.collect_spans = true;
    config
}

fn environment(memory_limit: Option<usize>) -> Result<Arc<RuntimeEnv>> {
    let mut builder = RuntimeEnvBuilder::new();
    if let Some(bytes) = memory_limit {
        let pool = TrackConsumersPool::new(FairSpillPool::new(bytes), MAX_NAMED_CONSUMERS);
        builder = builder.with_memory_pool(Arc::new(pool));
    }
    Ok(builder.build_arc()?)
}

fn read_dictionary(options: &SessionOptions) -> Result<Dictionary> {
    let default = Path::new(DEFAULT_DICTIONARY);
    match &options.data_dict {
        Some(path) => load_dictionary(path),
        None if options.default_dictionary && default.exists() => load_dictionary(default),
        None => Ok(Dictionary::default()),
    }
}
