//! The engine behind the shell: a DataFusion session with semql's functions,
//! files as tables and the data dictionary.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::execution::SessionStateBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionConfig, SessionContext};

use semql_udfs::AiOptions;
use tokio_util::sync::CancellationToken;

use crate::cluster::Remote;
use crate::dictionary::{self, Dictionary};
use crate::error::{Result, ShellError};
use crate::output::progress::ProgressLine;
use crate::policy::Policy;
use crate::{sources, statement};

/// Default place of the dictionary.
const DICTIONARY: &str = "data_dict.yaml";

/// Consumers of memory that an out-of-memory error names.
const NAMED_CONSUMERS: std::num::NonZeroUsize = match std::num::NonZeroUsize::new(3) {
    Some(three) => three,
    None => std::num::NonZeroUsize::MIN,
};

/// What the command line says about the session.
#[derive(Clone, Debug, Default)]
pub struct SessionOptions {
    pub data_dict: Option<PathBuf>,
    /// Whether a dictionary in the working folder counts.
    pub default_dictionary: bool,
    pub settings: Vec<(String, String)>,
    /// Bytes that queries may take before they spill to disk.
    pub memory_limit: Option<usize>,
    /// Whether long queries show how far they are.
    pub progress: bool,
    /// Where queries run; in this process by default.
    pub remote: Option<Arc<dyn Remote>>,
    /// What statements may do, beside reading the tables of the dictionary. The
    /// settings above are given before it holds.
    pub policy: Policy,
}

/// A session over the files of the working folder.
pub struct Session {
    pub ctx: SessionContext,
    pub dictionary: Arc<Dictionary>,
    pub ai: Arc<semql_udfs::Runtime>,
    pub policy: Arc<Policy>,
    memory_limit: Option<usize>,
    progress: bool,
    line: Mutex<Option<ProgressLine>>,
}

impl Session {
    /// Opens a session. No model is loaded and no data file is read.
    ///
    /// # Errors
    /// A dictionary that is absent or wrong; a setting that does not exist.
    pub async fn open(options: &SessionOptions) -> Result<Self> {
        let dictionary = Arc::new(read_dictionary(options)?);
        let mut policy = options.policy.clone();
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
        dictionary::register(&ctx, &dictionary).await?;
        let mut session = Self {
            ctx,
            dictionary,
            ai,
            policy: Arc::default(),
            memory_limit: options.memory_limit,
            progress: options.progress,
            line: Mutex::default(),
        };
        for (key, value) in &options.settings {
            statement::set::assign(&session, key, value)
                .await
                .map_err(|error| ShellError {
                    message: format!("--set {key}={value}: {}", error.message),
                    ..ShellError::usage("")
                })?;
        }
        if let Some(options) = AiOptions::of(&session.ctx) {
            session.ai.allow_model(options.settings.model);
        }
        session.ai.set_limits(policy.runtime_limits());
        session.policy = policy;
        Ok(session)
    }

    /// A session beside this one: the same tables, functions, models and policy,
    /// and separate settings, which begin as these are now.
    pub fn beside(&self) -> Self {
        let state = SessionStateBuilder::new_from_existing(self.ctx.state()).build();
        Self {
            ctx: SessionContext::new_with_state(state),
            dictionary: Arc::clone(&self.dictionary),
            ai: Arc::clone(&self.ai),
            policy: Arc::clone(&self.policy),
            memory_limit: self.memory_limit,
            progress: false,
            line: Mutex::default(),
        }
    }

    /// Memory that queries may reserve, for people.
    pub fn memory_limit_shown(&self) -> String {
        match self.memory_limit {
            Some(bytes) => format!("{} MiB", bytes >> 20),
            None => "any amount".to_string(),
        }
    }

    /// Ends models, training and index building of the statements that are
    /// planned from now on when `token` is cancelled.
    pub fn cancel_with(&self, token: CancellationToken) {
        let state = self.ctx.state_ref();
        let mut state = state.write();
        let options = state.config_mut().options_mut();
        if let Some(ai) = options.extensions.get_mut::<AiOptions>() {
            ai.cancel = token;
        }
    }

    /// Shows how far `plan` is, where progress is wanted, until
    /// [`hide_progress`](Self::hide_progress).
    pub fn show_progress(&self, plan: &Arc<dyn ExecutionPlan>) {
        if self.progress {
            let line = ProgressLine::start(Arc::clone(&self.ai), Arc::clone(plan));
            *self.line.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
        }
    }

    pub fn hide_progress(&self) {
        self.line
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

fn config() -> SessionConfig {
    let mut config = SessionConfig::new().with_information_schema(true);
    // Descriptions and the origin of vectors live in the metadata of Parquet.
    config.options_mut().execution.parquet.skip_metadata = false;
    // Errors can then name the line they are about.
    config.options_mut().sql_parser.collect_spans = true;
    config
}

fn environment(memory_limit: Option<usize>) -> Result<Arc<RuntimeEnv>> {
    let mut builder = RuntimeEnvBuilder::new();
    if let Some(bytes) = memory_limit {
        let pool = TrackConsumersPool::new(FairSpillPool::new(bytes), NAMED_CONSUMERS);
        builder = builder.with_memory_pool(Arc::new(pool));
    }
    Ok(builder.build_arc()?)
}

fn read_dictionary(options: &SessionOptions) -> Result<Dictionary> {
    let default = Path::new(DICTIONARY);
    match &options.data_dict {
        Some(path) => Dictionary::load(path),
        None if options.default_dictionary && default.exists() => Dictionary::load(default),
        None => Ok(Dictionary::empty()),
    }
}
