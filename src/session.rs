//! Session: a DataFusion context with semql's functions, files as tables and the
//! data dictionary.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};

use semql_udfs::AiOptions;
use tokio_util::sync::CancellationToken;

use crate::cluster::Remote;
use crate::dictionary::{self, Dictionary, load_dictionary};
use crate::error::{Result, ShellError};
use crate::policy::Policy;
use crate::{settings, sources};

/// Default path of the dictionary.
const DEFAULT_DICTIONARY: &str = "data_dict.yaml";

/// Maximum number of memory consumers in an out-of-memory error.
const MAX_NAMED_CONSUMERS: std::num::NonZeroUsize = match std::num::NonZeroUsize::new(3) {
    Some(three) => three,
    None => std::num::NonZeroUsize::MIN,
};

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
    /// Policy of statements, which may also read the tables of the dictionary.
    pub policy: Policy,
}

/// Session over the files of the working folder.
pub struct Session {
    pub ctx: SessionContext,
    pub dictionary: Arc<Dictionary>,
    pub ai: Arc<semql_udfs::Runtime>,
    pub policy: Arc<Policy>,
    memory_limit: Option<usize>,
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
        let ctx = SessionContext::new_with_config_rt(config, environment(options.memory_limit)?);
        let ctx = sources::install(ctx, Arc::clone(&policy))?;
        semql_udfs::register_all(&ctx)?;
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
        Ok(Self {
            ctx,
            dictionary,
            ai,
            policy,
            memory_limit: options.memory_limit,
        })
    }

    /// Creates a session that shares tables, functions, models and policy with
    /// this one. Its settings start as a copy.
    pub fn beside(&self) -> Self {
        let state = SessionStateBuilder::new_from_existing(self.ctx.state()).build();
        Self {
            ctx: SessionContext::new_with_state(state),
            dictionary: Arc::clone(&self.dictionary),
            ai: Arc::clone(&self.ai),
            policy: Arc::clone(&self.policy),
            memory_limit: self.memory_limit,
        }
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

fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_information_schema(true);
    // Parquet metadata holds descriptions and the provenance of vectors.
    config.options_mut().execution.parquet.skip_metadata = false;
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
