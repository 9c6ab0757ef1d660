//! Session extension with the settings `ai.*`.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::config_err;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::prelude::SessionContext;
use semql_inference::InferenceContext;
use semql_inference::cancellation::Cancellation;
use semql_inference::progress::StepProgress;
use tokio_util::sync::CancellationToken;

use crate::runtime::Runtime;
use crate::settings::{SETTINGS, Scope, Settings};

/// DataFusion extension with the [`Settings`] under the prefix `ai` and the
/// [`Runtime`] of a session.
#[derive(Clone)]
pub struct AiOptions {
    pub settings: Settings,
    pub runtime: Arc<Runtime>,
    /// Memory pool for functions whose memory DataFusion does not reserve; `None` is
    /// unbounded.
    pub memory: Option<Arc<dyn MemoryPool>>,
    /// Cancels the work that runs with these options: model runs, downloads,
    /// training, index building. Clones share it.
    pub cancel: CancellationToken,
}

impl AiOptions {
    /// Default settings and a new token.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Self {
            settings: Settings::default(),
            runtime,
            memory: None,
            cancel: CancellationToken::new(),
        }
    }

    /// Whether the setting `key`, such as `ai.model`, affects results rather than the
    /// machine; `None` for an unknown setting.
    pub fn is_query_setting(key: &str) -> Option<bool> {
        let key = key.strip_prefix(Self::PREFIX)?.strip_prefix('.')?;
        let setting = SETTINGS.iter().find(|setting| setting.key == key)?;
        Some(setting.scope == Scope::Query)
    }

    /// Cancellation of work that starts now.
    pub(crate) fn cancellation(&self) -> Cancellation {
        self.runtime.cancellation(&self.cancel)
    }

    /// Progress and cancellation of work that starts now.
    pub(crate) fn step_progress(&self) -> StepProgress<'_> {
        StepProgress::new(self.runtime.inference().counters(), self.cancellation())
    }

    /// Inference with these options.
    pub fn inference(&self) -> InferenceContext {
        InferenceContext {
            runtime: Arc::clone(self.runtime.inference()),
            options: self.settings.inference_options(),
            cancel: self.cancel.clone(),
        }
    }

    /// Names of all settings, such as `ai.model`.
    pub fn keys() -> impl Iterator<Item = String> {
        SETTINGS
            .iter()
            .map(|setting| format!("{}.{}", Self::PREFIX, setting.key))
    }

    /// Settings that affect results, by name: another process needs them for the same
    /// results.
    pub fn query_settings(&self) -> BTreeMap<String, String> {
        SETTINGS
            .iter()
            .filter(|setting| setting.scope == Scope::Query)
            .map(|setting| (setting.key.to_string(), (setting.get)(&self.settings)))
            .collect()
    }

    /// The same options with the settings of a query.
    ///
    /// # Errors
    /// An unknown setting or an invalid value.
    pub fn with_query_settings(&self, settings: &BTreeMap<String, String>) -> Result<Self> {
        let mut options = self.clone();
        for (key, value) in settings {
            options.set(key, value)?;
        }
        Ok(options)
    }

    /// Names of the machine settings that differ from the default.
    pub fn changed_machine_settings(&self) -> Vec<String> {
        let default = Settings::default();
        SETTINGS
            .iter()
            .filter(|setting| setting.scope == Scope::Machine)
            .filter(|setting| (setting.get)(&self.settings) != (setting.get)(&default))
            .map(|setting| format!("{}.{}", Self::PREFIX, setting.key))
            .collect()
    }

    /// The options of a session; `None` before
    /// [`register_all`](crate::register_all).
    pub fn from_session(ctx: &SessionContext) -> Option<Self> {
        ctx.state_ref()
            .read()
            .config_options()
            .extensions
            .get::<Self>()
            .cloned()
    }
}

/// The token of the options in `config`; without options, a new one.
pub(crate) fn cancel_token(config: &ConfigOptions) -> CancellationToken {
    config
        .extensions
        .get::<AiOptions>()
        .map_or_else(CancellationToken::new, |options| options.cancel.clone())
}

impl fmt::Debug for AiOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

// The optimizer merges calls of functions with equal settings and the same runtime.
impl PartialEq for AiOptions {
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings && Arc::ptr_eq(&self.runtime, &other.runtime)
    }
}

impl Eq for AiOptions {}

impl Hash for AiOptions {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.settings.hash(state);
    }
}

impl ConfigExtension for AiOptions {
    const PREFIX: &'static str = "ai";
}

impl ExtensionOptions for AiOptions {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let Some(setting) = SETTINGS.iter().find(|s| s.key == key) else {
            let keys: Vec<String> = SETTINGS.iter().map(|s| format!("ai.{}", s.key)).collect();
            return config_err!(
                "there is no setting ai.{key}; there are {}",
                keys.join(", ")
            );
        };
        match (setting.set)(&mut self.settings, value) {
            Ok(()) => Ok(()),
            Err(error) => config_err!("ai.{key}: {error}"),
        }
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        SETTINGS
            .iter()
            .map(|setting| ConfigEntry {
                // DataFusion lists these keys without adding the prefix.
                key: format!("{}.{}", Self::PREFIX, setting.key),
                value: Some((setting.get)(&self.settings)),
                description: setting.description,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semql_inference::backend::Device;
    use semql_inference::progress::ProgressSink;

    use crate::{Error, find_error, register_functions, register_with};

    #[test]
    fn settings_parse_their_formatted_values() {
        let mut options = AiOptions::new(Arc::new(Runtime::new()));
        for setting in SETTINGS {
            let shown = (setting.get)(&options.settings);
            options.set(setting.key, &shown).unwrap();
            assert_eq!((setting.get)(&options.settings), shown, "{}", setting.key);
        }
    }

    #[test]
    fn query_settings_exclude_machine_settings() {
        let mut local = AiOptions::new(Arc::new(Runtime::new()));
        local.set("seed", "7").unwrap();
        local.set("device", "cuda:1").unwrap();
        assert_eq!(local.changed_machine_settings(), ["ai.device"]);
        let remote = AiOptions::new(Arc::new(Runtime::new()));
        let remote = remote.with_query_settings(&local.query_settings()).unwrap();
        assert_eq!(remote.settings.seed, 7);
        assert_eq!(remote.settings.device, Device::Auto);
        let unknown = BTreeMap::from([("speed".to_string(), "11".to_string())]);
        assert!(remote.with_query_settings(&unknown).is_err());
    }

    #[test]
    fn settings_have_the_scope_query_or_machine() {
        assert_eq!(AiOptions::is_query_setting("ai.model"), Some(true));
        assert_eq!(AiOptions::is_query_setting("ai.onnxruntime"), Some(false));
        for unknown in ["model", "ai.speed", "ai.", "aimodel", "datafusion.model"] {
            assert_eq!(AiOptions::is_query_setting(unknown), None, "{unknown}");
        }
        for key in AiOptions::keys() {
            assert!(AiOptions::is_query_setting(&key).is_some(), "{key}");
        }
    }

    #[test]
    fn clones_share_the_token() {
        let options = AiOptions::new(Arc::new(Runtime::new()));
        let other = AiOptions::new(Arc::clone(&options.runtime));
        let progress = options.step_progress();
        options.clone().cancel.cancel();
        assert!(options.cancel.is_cancelled());
        assert!(progress.is_cancelled());
        assert!(!other.step_progress().is_cancelled());
        assert_eq!(options, other, "equality ignores the token");
    }

    /// Runs `sql` twice, and cancels the token of the session in between.
    async fn run_and_cancel(ctx: SessionContext, sql: &str) {
        let run = || async { ctx.sql(sql).await?.collect().await };
        ctx.sql("SET ai.model = 'deterministic'").await.unwrap();
        run().await.unwrap();
        AiOptions::from_session(&ctx).unwrap().cancel.cancel();
        let error = run().await.unwrap_err();
        let found = find_error(&error);
        assert_eq!(found, Some(&Error::Interrupted), "{sql}: {error}");
    }

    #[tokio::test]
    async fn the_token_of_a_session_cancels_its_queries() {
        let runtime = Arc::new(Runtime::new());
        for sql in [
            "SELECT embed(column1) FROM (VALUES ('a'), ('b'))",
            "SELECT ai_count_tokens(column1) FROM (VALUES ('a'), ('b'))",
            "SELECT word2vec(column1, 2, 1, 1) FROM (VALUES ('red shirt'), ('red laptop'))",
            "SELECT kmeans(column1, 2) OVER () FROM (VALUES ([1.0, 2.0]), ([5.0, 3.0]), ([9.0, 8.0]))",
        ] {
            let ctx = SessionContext::new();
            register_with(&ctx, Arc::clone(&runtime)).unwrap();
            run_and_cancel(ctx, sql).await;
        }
        let ctx = SessionContext::new();
        register_functions(&ctx, runtime).unwrap();
        run_and_cancel(ctx, "SELECT embed(column1) FROM (VALUES ('a'), ('b'))").await;
    }

    /// Replaces the token of a session, as for its next statement.
    fn replace_token(ctx: &SessionContext) -> CancellationToken {
        let (cancel, state) = (CancellationToken::new(), ctx.state_ref());
        let mut state = state.write();
        let extensions = &mut state.config_mut().options_mut().extensions;
        extensions.get_mut::<AiOptions>().unwrap().cancel = cancel.clone();
        cancel
    }

    #[tokio::test]
    async fn the_token_of_a_statement_does_not_cancel_the_next() {
        let ctx = SessionContext::new();
        register_functions(&ctx, Arc::new(Runtime::new())).unwrap();
        let cancel = replace_token(&ctx);
        ctx.sql("SET ai.model = 'deterministic'").await.unwrap();
        cancel.cancel();
        let sql = "SELECT embed(column1) FROM (VALUES ('a'), ('b'))";
        let cancel = replace_token(&ctx);
        let frame = ctx.sql(sql).await.unwrap();
        frame.clone().collect().await.unwrap();
        cancel.cancel();
        let error = frame.collect().await.unwrap_err();
        assert_eq!(find_error(&error), Some(&Error::Interrupted), "{error}");
    }

    #[test]
    fn errors_name_the_setting() {
        let mut options = AiOptions::new(Arc::new(Runtime::new()));
        for (key, value) in [
            ("on_error", "explode"),
            ("threads", "-1"),
            ("device", "abacus"),
            ("precision", "int4"),
            ("device_memory", "much"),
            ("device_memory", "-1GB"),
            ("speed", "11"),
            ("cache", ""),
            ("cache_size", "much"),
            ("cache_size", "-1MB"),
            ("mode", "slow"),
            ("fast_agreement", "85"),
            ("fast_escalation", "NaN"),
            ("min_score", "high"),
            ("seed", "-1"),
        ] {
            let message = options.set(key, value).unwrap_err().to_string();
            assert!(message.contains(&format!("ai.{key}")), "{message}");
        }
    }
}
