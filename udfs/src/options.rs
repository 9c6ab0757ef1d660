//! `SET ai.*`: every setting is one row of a list.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::common::config_err;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::prelude::SessionContext;
use tokio_util::sync::CancellationToken;

use crate::backend::Device;
use crate::inference::cache::{Error as CacheError, Setting as CacheSetting};
use crate::models::WantedPrecision;
use crate::progress::Watched;
use crate::runtime::Runtime;
use crate::waiting::Cancellation;

/// What a row does when the model fails on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnError {
    /// The row's answer is NULL, and the failure is counted.
    #[default]
    Null,
    /// The query fails.
    Fail,
}

/// Whether labels come from the model for every row, or mostly from a student
/// that learns from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    #[default]
    Exact,
    Fast,
}

/// A number that settings can be compared by.
#[derive(Clone, Copy, Debug)]
pub struct Ratio(f64);

impl Ratio {
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Ratio {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Ratio {}

impl Hash for Ratio {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// The values behind `SET ai.*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    pub model: String,
    pub device: Device,
    pub precision: WantedPrecision,
    /// Bytes that a model may take on a GPU; `None` is all there are.
    pub device_memory: Option<usize>,
    pub taxonomy: String,
    /// Labels with a lower score are NULL.
    pub min_score: Option<Ratio>,
    pub mode: Mode,
    /// In fast mode, the share of labels that have to be the model's.
    pub fast_agreement: Ratio,
    /// In fast mode, the share of rows that may go to the model for it.
    pub fast_escalation: Ratio,
    /// Where there is a choice by chance, which one.
    pub seed: u64,
    /// The least recall of an index that searches go by.
    pub index_recall: Ratio,
    pub on_error: OnError,
    /// Inference threads; 0 means one for each core.
    pub threads: usize,
    /// Padded tokens in one batch; 0 means what suits the device.
    pub batch_tokens: usize,
    /// Where vectors are kept for later queries.
    pub cache: CacheSetting,
    /// Bytes that the cache may take; `None` means its own default.
    pub cache_size: Option<usize>,
    /// The ONNX Runtime library; `None` means the places where set-up puts it.
    pub onnxruntime: Option<PathBuf>,
    /// The folder of models; `None` means the one that set-up fills.
    pub model_dir: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: crate::models::catalogue::DEFAULT.to_string(),
            device: Device::Auto,
            precision: WantedPrecision::Auto,
            device_memory: Some(8_000_000_000),
            taxonomy: "product_category".to_string(),
            min_score: None,
            mode: Mode::Exact,
            fast_agreement: Ratio(0.85),
            fast_escalation: Ratio(0.25),
            seed: 0,
            index_recall: Ratio(0.95),
            on_error: OnError::Null,
            threads: 0,
            batch_tokens: 0,
            cache: CacheSetting::Off,
            cache_size: None,
            onnxruntime: None,
            model_dir: None,
        }
    }
}

/// What a setting describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// What the answers are: it goes where the query goes.
    Query,
    /// Where and how fast they are worked out: every process has its own.
    Machine,
}

struct Setting {
    key: &'static str,
    of: Of,
    description: &'static str,
    set: fn(&mut Settings, &str) -> Result<(), String>,
    get: fn(&Settings) -> String,
}

const SETTINGS: &[Setting] = &[
    Setting {
        key: "model",
        of: Of::Query,
        description: "Model of the AI functions: a catalogue name (SHOW MODELS), a folder, or owner/name on the hub",
        set: |s, v| {
            if v.trim().is_empty() {
                return Err("the model's name is empty".to_string());
            }
            s.model = v.to_string();
            Ok(())
        },
        get: |s| s.model.clone(),
    },
    Setting {
        key: "device",
        of: Of::Machine,
        description: "Where models run: auto, cpu, cuda, cuda:N, tensorrt, tensorrt:N",
        set: |s, v| v.parse().map(|device| s.device = device),
        get: |s| s.device.to_string(),
    },
    Setting {
        key: "precision",
        of: Of::Query,
        description: "Arithmetic of models: fp32, int8 (CPU), fp16 (GPU), or auto, which is fp16 on a GPU and on the CPU int8 for models whose vectors stay the same with it (mean cosine 0.995), else fp32",
        set: |s, v| v.parse().map(|precision| s.precision = precision),
        get: |s| s.precision.to_string(),
    },
    Setting {
        key: "device_memory",
        of: Of::Machine,
        description: "Memory that a model may take on a GPU, such as 8GB; empty is all there is",
        set: |s, v| bytes(v).map(|bytes| s.device_memory = bytes),
        get: |s| s.device_memory.map_or(String::new(), shown_bytes),
    },
    Setting {
        key: "taxonomy",
        of: Of::Query,
        description: "Label set of categorize(): a taxonomy of the data dictionary, or the built-in product_category",
        set: |s, v| {
            s.taxonomy = v.to_string();
            Ok(())
        },
        get: |s| s.taxonomy.clone(),
    },
    Setting {
        key: "min_score",
        of: Of::Query,
        description: "Least score of a label of categorize() and ai_classify(); below it the answer is NULL. Empty is no least",
        set: |s, v| {
            s.min_score = match v.trim() {
                "" => None,
                v => Some(ratio(v, -1.0)?),
            };
            Ok(())
        },
        get: |s| {
            s.min_score
                .map_or(String::new(), |score| score.get().to_string())
        },
    },
    Setting {
        key: "mode",
        of: Of::Query,
        description: "How categorize() and ai_classify() answer: exact, by the model for every row; fast, by a student that learns from the model's answers to a sample, where it agrees with the model often enough",
        set: |s, v| {
            s.mode = match v.to_ascii_lowercase().as_str() {
                "exact" => Mode::Exact,
                "fast" => Mode::Fast,
                _ => return Err(format!("'{v}' is neither 'exact' nor 'fast'")),
            };
            Ok(())
        },
        get: |s| match s.mode {
            Mode::Exact => "exact".to_string(),
            Mode::Fast => "fast".to_string(),
        },
    },
    Setting {
        key: "fast_agreement",
        of: Of::Query,
        description: "In fast mode, the share of labels, 0 to 1, that have to be what the model would have said, by the estimate from held-out rows; the least certain rows go to the model until it is reached",
        set: |s, v| ratio(v, 0.0).map(|share| s.fast_agreement = share),
        get: |s| s.fast_agreement.get().to_string(),
    },
    Setting {
        key: "fast_escalation",
        of: Of::Query,
        description: "In fast mode, the share of rows, 0 to 1, that may go to the model to reach ai.fast_agreement; where that is not enough, all do",
        set: |s, v| ratio(v, 0.0).map(|share| s.fast_escalation = share),
        get: |s| s.fast_escalation.get().to_string(),
    },
    Setting {
        key: "seed",
        of: Of::Query,
        description: "Where something is left to chance (the sample of fast mode, kmeans, tsne, word2vec), which way it goes: the same seed and rows give the same answers",
        set: |s, v| {
            s.seed = v
                .trim()
                .parse()
                .map_err(|_| format!("'{v}' is not a whole number from 0"))?;
            Ok(())
        },
        get: |s| s.seed.to_string(),
    },
    Setting {
        key: "index_recall",
        of: Of::Query,
        description: "Searches go by an index (CREATE INDEX) that finds at least this share, 0 to 1, of the ten nearest, as measured when it was made; with 1 every row is looked at",
        set: |s, v| ratio(v, 0.0).map(|share| s.index_recall = share),
        get: |s| s.index_recall.get().to_string(),
    },
    Setting {
        key: "on_error",
        of: Of::Query,
        description: "What becomes of a row on which the model fails: null (counted) or fail",
        set: |s, v| {
            s.on_error = match v.to_ascii_lowercase().as_str() {
                "null" => OnError::Null,
                "fail" => OnError::Fail,
                _ => return Err(format!("'{v}' is neither 'null' nor 'fail'")),
            };
            Ok(())
        },
        get: |s| match s.on_error {
            OnError::Null => "null".to_string(),
            OnError::Fail => "fail".to_string(),
        },
    },
    Setting {
        key: "threads",
        of: Of::Machine,
        description: "Inference threads, shared by all partitions of all queries; 0 is one for each core",
        set: |s, v| number(v, 0, 1024).map(|n| s.threads = n),
        get: |s| s.threads.to_string(),
    },
    Setting {
        key: "batch_tokens",
        of: Of::Machine,
        description: "Padded tokens in one batch of inference; 0 is what suits the device",
        set: |s, v| number(v, 0, 1 << 22).map(|n| s.batch_tokens = n),
        get: |s| s.batch_tokens.to_string(),
    },
    Setting {
        key: "cache",
        of: Of::Machine,
        description: "Where vectors are kept for later queries: off, memory, or a folder that outlives the process",
        set: |s, v| {
            s.cache = v.parse().map_err(|e: CacheError| e.to_string())?;
            Ok(())
        },
        get: |s| s.cache.to_string(),
    },
    Setting {
        key: "cache_size",
        of: Of::Machine,
        description: "How much the cache may keep, such as 500MB or 8GB; empty is 256MB in memory and 4GB in a folder",
        set: |s, v| {
            s.cache_size = bytes(v)?;
            Ok(())
        },
        get: |s| s.cache_size.map(shown_bytes).unwrap_or_default(),
    },
    Setting {
        key: "onnxruntime",
        of: Of::Machine,
        description: "Path of the ONNX Runtime library; empty is where set-up put it",
        set: |s, v| {
            s.onnxruntime = (!v.is_empty()).then(|| PathBuf::from(v));
            Ok(())
        },
        get: |s| path(&s.onnxruntime),
    },
    Setting {
        key: "model_dir",
        of: Of::Machine,
        description: "Folder of models; empty is where set-up put them",
        set: |s, v| {
            s.model_dir = (!v.is_empty()).then(|| PathBuf::from(v));
            Ok(())
        },
        get: |s| path(&s.model_dir),
    },
];

fn number(text: &str, least: usize, most: usize) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(n) if (least..=most).contains(&n) => Ok(n),
        _ => Err(format!(
            "'{text}' is not a whole number from {least} to {most}"
        )),
    }
}

fn ratio(text: &str, least: f64) -> Result<Ratio, String> {
    match text.trim().parse::<f64>() {
        Ok(n) if (least..=1.0).contains(&n) => Ok(Ratio(n)),
        _ => Err(format!("'{text}' is not a number from {least} to 1")),
    }
}

const UNITS: &[(&str, usize)] = &[
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// `8GB` as bytes; `None` for nothing.
fn bytes(text: &str) -> Result<Option<usize>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let upper = text.to_ascii_uppercase();
    let (digits, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((upper.strip_suffix(name)?, *unit)))
        .unwrap_or((upper.as_str(), 1));
    let wrong = || format!("'{text}' is no size; write a number of bytes, or such as 8GB or 500MB");
    let number: f64 = digits.trim().parse().map_err(|_| wrong())?;
    let bytes = number * unit as f64;
    if !(1.0..=1e15).contains(&bytes) {
        return Err(wrong());
    }
    Ok(Some(bytes as usize))
}

fn shown_bytes(bytes: usize) -> String {
    UNITS
        .iter()
        .find(|(_, unit)| bytes.is_multiple_of(*unit))
        .map_or_else(
            || bytes.to_string(),
            |(name, unit)| format!("{}{name}", bytes / unit),
        )
}

fn path(path: &Option<PathBuf>) -> String {
    path.as_ref()
        .map(|p| p.display().to_string())
        .unwrap_or_default()
}

/// The DataFusion extension that holds [`Settings`] under the prefix `ai`,
/// together with the [`Runtime`] that serves the session.
#[derive(Clone)]
pub struct AiOptions {
    pub settings: Settings,
    pub runtime: Arc<Runtime>,
    /// The session's memory, for functions that keep much and that DataFusion
    /// gives none; unbounded where it is not known.
    pub memory: Option<Arc<dyn MemoryPool>>,
    /// Cancels the work that runs with these options: model runs, downloads,
    /// training, index building. Clones share it.
    pub cancel: CancellationToken,
}

impl AiOptions {
    /// Default settings, and a token that nothing has cancelled.
    pub fn new(runtime: Arc<Runtime>) -> Self {
        Self {
            settings: Settings::default(),
            runtime,
            memory: None,
            cancel: CancellationToken::new(),
        }
    }

    /// Whether the setting `key`, named as in `SET`, describes the query rather
    /// than the machine; `None` for an unknown setting.
    pub fn is_query_setting(key: &str) -> Option<bool> {
        let key = key.strip_prefix(Self::PREFIX)?.strip_prefix('.')?;
        let setting = SETTINGS.iter().find(|setting| setting.key == key)?;
        Some(setting.of == Of::Query)
    }

    /// Cancellation of work that begins now.
    pub(crate) fn cancellation(&self) -> Cancellation {
        self.runtime.cancellation(&self.cancel)
    }

    /// Progress and cancellation of work that begins now.
    pub(crate) fn watch(&self) -> Watched<'_> {
        Watched::new(self.runtime.counters(), self.cancellation())
    }

    /// The names of all settings, as `SET` has them.
    pub fn keys() -> impl Iterator<Item = String> {
        SETTINGS
            .iter()
            .map(|setting| format!("{}.{}", Self::PREFIX, setting.key))
    }

    /// The settings that say what the answers are, by name: those that another
    /// process has to have to give the same ones.
    pub fn of_query(&self) -> BTreeMap<String, String> {
        SETTINGS
            .iter()
            .filter(|setting| setting.of == Of::Query)
            .map(|setting| (setting.key.to_string(), (setting.get)(&self.settings)))
            .collect()
    }

    /// The same options with a query's settings in place of its own.
    ///
    /// # Errors
    /// A setting that is not known here, or cannot have that value.
    pub fn with_query(&self, settings: &BTreeMap<String, String>) -> Result<Self> {
        let mut options = self.clone();
        for (key, value) in settings {
            options.set(key, value)?;
        }
        Ok(options)
    }

    /// The names of the settings of this machine that are not as they are by
    /// default.
    pub fn changed_of_machine(&self) -> Vec<String> {
        let default = Settings::default();
        SETTINGS
            .iter()
            .filter(|setting| setting.of == Of::Machine)
            .filter(|setting| (setting.get)(&self.settings) != (setting.get)(&default))
            .map(|setting| format!("{}.{}", Self::PREFIX, setting.key))
            .collect()
    }

    /// The options of a session; `None` where [`register_all`](crate::register_all)
    /// was not called on it.
    pub fn of(ctx: &SessionContext) -> Option<Self> {
        ctx.state_ref()
            .read()
            .config_options()
            .extensions
            .get::<Self>()
            .cloned()
    }
}

/// The token of the options in `config`; one that nothing cancels where there
/// are none.
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

// Two functions are the same to the optimizer where their settings are and
// the same runtime answers them.
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
            Err(why) => config_err!("ai.{key}: {why}"),
        }
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        SETTINGS
            .iter()
            .map(|setting| ConfigEntry {
                // DataFusion lists what an extension gives as it is, without its prefix.
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
    use crate::waiting::Watch;
    use crate::{Error, find_error, register_functions, register_with};

    #[test]
    fn every_setting_reads_back_what_it_shows() {
        let mut options = AiOptions::new(Arc::new(Runtime::new()));
        for setting in SETTINGS {
            let shown = (setting.get)(&options.settings);
            options.set(setting.key, &shown).unwrap();
            assert_eq!((setting.get)(&options.settings), shown, "{}", setting.key);
        }
    }

    #[test]
    fn a_query_takes_its_settings_along_and_leaves_the_machines() {
        let mut here = AiOptions::new(Arc::new(Runtime::new()));
        here.set("seed", "7").unwrap();
        here.set("device", "cuda:1").unwrap();
        assert_eq!(here.changed_of_machine(), ["ai.device"]);
        let there = AiOptions::new(Arc::new(Runtime::new()));
        let there = there.with_query(&here.of_query()).unwrap();
        assert_eq!(there.settings.seed, 7);
        assert_eq!(there.settings.device, Device::Auto);
        let unknown = BTreeMap::from([("speed".to_string(), "11".to_string())]);
        assert!(there.with_query(&unknown).is_err());
    }

    #[test]
    fn settings_describe_the_query_or_the_machine() {
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
    fn clones_share_the_token_and_new_options_have_another() {
        let options = AiOptions::new(Arc::new(Runtime::new()));
        let other = AiOptions::new(Arc::clone(&options.runtime));
        let watch = options.watch();
        options.clone().cancel.cancel();
        assert!(options.cancel.is_cancelled());
        assert!(watch.halted());
        assert!(!other.watch().halted());
        assert_eq!(options, other, "the token is no part of equality");
    }

    /// Runs `sql` twice, and cancels the session's token in between.
    async fn run_and_cancel(ctx: SessionContext, sql: &str) {
        let run = || async { ctx.sql(sql).await?.collect().await };
        ctx.sql("SET ai.model = 'deterministic'").await.unwrap();
        run().await.unwrap();
        AiOptions::of(&ctx).unwrap().cancel.cancel();
        let error = run().await.unwrap_err();
        let found = find_error(&error);
        assert_eq!(found, Some(&Error::Interrupted), "{sql}: {error}");
    }

    #[tokio::test]
    async fn the_token_of_a_session_ends_its_queries() {
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

    /// Gives a session another token, as for its next statement.
    fn replace_token(ctx: &SessionContext) -> CancellationToken {
        let (cancel, state) = (CancellationToken::new(), ctx.state_ref());
        let mut state = state.write();
        let extensions = &mut state.config_mut().options_mut().extensions;
        extensions.get_mut::<AiOptions>().unwrap().cancel = cancel.clone();
        cancel
    }

    #[tokio::test]
    async fn the_token_of_one_statement_does_not_end_the_next() {
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
    fn sizes_read_as_they_are_written() {
        assert_eq!(bytes("8GB"), Ok(Some(8_000_000_000)));
        assert_eq!(bytes(" 1.5 gb "), Ok(Some(1_500_000_000)));
        assert_eq!(bytes("12345"), Ok(Some(12_345)));
        assert_eq!(bytes(""), Ok(None));
        for text in ["8GB", "1500MB", "12345B"] {
            assert_eq!(shown_bytes(bytes(text).unwrap().unwrap()), text);
        }
    }

    #[test]
    fn wrong_values_name_the_setting() {
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
