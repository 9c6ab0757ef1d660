//! Settings `ai.*`: every setting is one row of [`SETTINGS`].

use std::hash::{Hash, Hasher};
use std::path::PathBuf;

use semql_inference::backend::Device;
use semql_inference::cache::{CacheError, CacheSetting};
use semql_inference::models::{PrecisionSetting, catalogue};
use semql_inference::{DEFAULT_DEVICE_MEMORY, InferenceOptions, ModelOptions, OnError};
use url::Url;

use crate::tracking_target::{DEFAULT_EXPERIMENT, experiment_name, tracking_uri};

/// Whether the model labels every row, or mostly a student that learned from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    #[default]
    Exact,
    Fast,
}

/// A number that settings can be compared and hashed with.
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
    pub precision: PrecisionSetting,
    /// Maximum GPU memory of a model in bytes; `None` is no limit.
    pub device_memory: Option<usize>,
    pub taxonomy: String,
    /// Minimum score of a label; lower ones are NULL.
    pub min_score: Option<Ratio>,
    pub mode: Mode,
    /// Minimum share of labels in fast mode that equal those of the model.
    pub fast_agreement: Ratio,
    /// Maximum share of rows in fast mode that go to the model.
    pub fast_escalation: Ratio,
    /// Random seed.
    pub seed: u64,
    /// Minimum recall@10 of an index that searches may use.
    pub index_recall: Ratio,
    pub on_error: OnError,
    /// Inference threads; 0 is one per core.
    pub threads: usize,
    /// Tokens of a batch; 0 is a default for the device.
    pub batch_tokens: usize,
    /// Default model of extraction; `None` for the rules of `attributes`.
    pub extractor: Option<String>,
    /// Attribute set of extraction.
    pub attributes: Option<String>,
    /// Maximum number of requests to language models in a query; `None` is no limit.
    pub max_calls: Option<u64>,
    /// Cache of vectors for later queries.
    pub cache: CacheSetting,
    /// Maximum size of the cache in bytes; `None` is its default.
    pub cache_size: Option<usize>,
    /// The ONNX Runtime library; `None` is that of the set-up.
    pub onnxruntime: Option<PathBuf>,
    /// A library of execution providers; `None` is those of the set-up.
    pub ep_library: Option<PathBuf>,
    /// The folder of models; `None` is that of the set-up.
    pub model_dir: Option<PathBuf>,
    /// Tracking server of the runs of `CREATE MODEL`; `None` sends nothing.
    pub tracking_uri: Option<Url>,
    /// Experiment of the runs at the tracking server.
    pub tracking_experiment: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: catalogue::DEFAULT_MODEL.to_string(),
            device: Device::Auto,
            precision: PrecisionSetting::Auto,
            device_memory: Some(DEFAULT_DEVICE_MEMORY),
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
            extractor: None,
            attributes: None,
            max_calls: None,
            cache: CacheSetting::Off,
            cache_size: None,
            onnxruntime: None,
            ep_library: None,
            model_dir: None,
            tracking_uri: None,
            tracking_experiment: DEFAULT_EXPERIMENT.to_string(),
        }
    }
}

impl Settings {
    /// The settings that select and load a model.
    pub fn model_options(&self) -> ModelOptions {
        ModelOptions {
            model: self.model.clone(),
            device: self.device,
            precision: self.precision,
            device_memory: self.device_memory,
            threads: self.threads,
            onnxruntime: self.onnxruntime.clone(),
            ep_library: self.ep_library.clone(),
            model_dir: self.model_dir.clone(),
        }
    }

    /// The settings of inference.
    pub fn inference_options(&self) -> InferenceOptions {
        InferenceOptions {
            model: self.model_options(),
            batch_tokens: self.batch_tokens,
            on_error: self.on_error,
            cache: self.cache.clone(),
            cache_size: self.cache_size,
        }
    }
}

/// Scope of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Affects results. Plans carry it to other processes.
    Query,
    /// Affects where and how fast results are computed. Every process has its value.
    Machine,
    /// Concerns the process that runs a statement. Others have no use of it.
    Statement,
}

/// A setting: its name without `ai.`, description, parser and formatter.
pub(crate) struct Setting {
    pub(crate) key: &'static str,
    pub(crate) scope: Scope,
    pub(crate) description: &'static str,
    pub(crate) set: fn(&mut Settings, &str) -> Result<(), String>,
    pub(crate) get: fn(&Settings) -> String,
}

pub(crate) const SETTINGS: &[Setting] = &[
    Setting {
        key: "model",
        scope: Scope::Query,
        description: "Model: a name from SHOW MODELS, a folder, or owner/name on the Hugging Face hub",
        set: |s, v| {
            if v.trim().is_empty() {
                return Err("the name of the model is empty".to_string());
            }
            s.model = v.to_string();
            Ok(())
        },
        get: |s| s.model.clone(),
    },
    Setting {
        key: "device",
        scope: Scope::Machine,
        description: "Device of models: auto, cpu, or one that SHOW DEVICES lists, such as cuda, cuda:1 or webgpu",
        set: |s, v| v.parse().map(|device| s.device = device),
        get: |s| s.device.to_string(),
    },
    Setting {
        key: "precision",
        scope: Scope::Query,
        description: "Precision of models: fp32, int8 (CPU), fp16 (GPU) or auto. auto is fp16 on a GPU; on the CPU int8 if it keeps the vectors of the model (mean cosine of at least 0.995), else fp32",
        set: |s, v| v.parse().map(|precision| s.precision = precision),
        get: |s| s.precision.to_string(),
    },
    Setting {
        key: "device_memory",
        scope: Scope::Machine,
        description: "Maximum GPU memory of a model, such as 8GB; empty is no limit",
        set: |s, v| parse_bytes(v).map(|bytes| s.device_memory = bytes),
        get: |s| s.device_memory.map_or(String::new(), format_bytes),
    },
    Setting {
        key: "taxonomy",
        scope: Scope::Query,
        description: "Taxonomy of categorize(): one of the data dictionary, or the built-in product_category",
        set: |s, v| {
            s.taxonomy = v.to_string();
            Ok(())
        },
        get: |s| s.taxonomy.clone(),
    },
    Setting {
        key: "min_score",
        scope: Scope::Query,
        description: "Minimum score of a label of categorize() and ai_classify(); lower scores give NULL. Empty is no minimum",
        set: |s, v| {
            s.min_score = match v.trim() {
                "" => None,
                v => Some(parse_ratio(v, -1.0)?),
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
        scope: Scope::Query,
        description: "Mode of categorize() and ai_classify(), and of language models. exact: the model answers every row. fast: a smaller model learns from the answers to a sample and answers most rows",
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
        scope: Scope::Query,
        description: "Minimum agreement with the model in fast mode, 0 to 1, estimated on held-out rows. The least certain rows go to the model until it is reached",
        set: |s, v| parse_ratio(v, 0.0).map(|share| s.fast_agreement = share),
        get: |s| s.fast_agreement.get().to_string(),
    },
    Setting {
        key: "fast_escalation",
        scope: Scope::Query,
        description: "Maximum share of rows, 0 to 1, that go to the model in fast mode to reach ai.fast_agreement. If more are needed, all rows go to the model; of a language model, no more than this share",
        set: |s, v| parse_ratio(v, 0.0).map(|share| s.fast_escalation = share),
        get: |s| s.fast_escalation.get().to_string(),
    },
    Setting {
        key: "seed",
        scope: Scope::Query,
        description: "Random seed of fast mode, kmeans, tsne and word2vec: the same seed and rows give the same results",
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
        scope: Scope::Query,
        description: "Minimum recall@10 of an index that searches may use, 0 to 1, as measured by CREATE INDEX; 1 is exact search without an index",
        set: |s, v| parse_ratio(v, 0.0).map(|share| s.index_recall = share),
        get: |s| s.index_recall.get().to_string(),
    },
    Setting {
        key: "on_error",
        scope: Scope::Query,
        description: "Result of a row on which the model fails: null (and a notice with the number of rows) or fail",
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
        key: "extractor",
        scope: Scope::Query,
        description: "Model of ai_extract(): one of CREATE MODEL ... EXTRACT, a language model, or an attribute set. Empty for the rules of ai.attributes",
        set: |s, v| {
            s.extractor = named(v);
            Ok(())
        },
        get: |s| s.extractor.clone().unwrap_or_default(),
    },
    Setting {
        key: "attributes",
        scope: Scope::Query,
        description: "Attribute set of ai_extract(): one of the data dictionary, or the built-in products. Empty for products where a call lists attributes",
        set: |s, v| {
            s.attributes = named(v);
            Ok(())
        },
        get: |s| s.attributes.clone().unwrap_or_default(),
    },
    Setting {
        key: "max_calls",
        scope: Scope::Query,
        description: "Maximum number of requests to language models in a query, retries included. A query that needs more fails before the first one. Empty is no limit",
        set: |s, v| {
            s.max_calls = match v.trim() {
                "" => None,
                v => Some(
                    v.parse()
                        .map_err(|_| format!("'{v}' is not a whole number from 0"))?,
                ),
            };
            Ok(())
        },
        get: |s| s.max_calls.map_or(String::new(), |calls| calls.to_string()),
    },
    Setting {
        key: "threads",
        scope: Scope::Machine,
        description: "Inference threads of all queries together; 0 is one per core",
        set: |s, v| parse_number(v, 0, 1024).map(|n| s.threads = n),
        get: |s| s.threads.to_string(),
    },
    Setting {
        key: "batch_tokens",
        scope: Scope::Machine,
        description: "Tokens of an inference batch; 0 is a default for the device",
        set: |s, v| parse_number(v, 0, 1 << 22).map(|n| s.batch_tokens = n),
        get: |s| s.batch_tokens.to_string(),
    },
    Setting {
        key: "cache",
        scope: Scope::Machine,
        description: "Cache of vectors for later queries: off, memory, or a folder that later processes use as well",
        set: |s, v| {
            s.cache = v.parse().map_err(|e: CacheError| e.to_string())?;
            Ok(())
        },
        get: |s| s.cache.to_string(),
    },
    Setting {
        key: "cache_size",
        scope: Scope::Machine,
        description: "Maximum size of the cache, such as 500MB or 8GB; empty is 256MB in memory and 4GB in a folder",
        set: |s, v| {
            s.cache_size = parse_bytes(v)?;
            Ok(())
        },
        get: |s| s.cache_size.map(format_bytes).unwrap_or_default(),
    },
    Setting {
        key: "onnxruntime",
        scope: Scope::Machine,
        description: "Path of the ONNX Runtime library; empty is the library of semql setup",
        set: |s, v| {
            s.onnxruntime = (!v.is_empty()).then(|| PathBuf::from(v));
            Ok(())
        },
        get: |s| format_path(&s.onnxruntime),
    },
    Setting {
        key: "ep_library",
        scope: Scope::Machine,
        description: "Path of a library of ONNX Runtime execution providers; empty is those of semql setup --gpu",
        set: |s, v| {
            s.ep_library = (!v.is_empty()).then(|| PathBuf::from(v));
            Ok(())
        },
        get: |s| format_path(&s.ep_library),
    },
    Setting {
        key: "model_dir",
        scope: Scope::Machine,
        description: "Folder of models; empty is the folder of semql setup",
        set: |s, v| {
            s.model_dir = (!v.is_empty()).then(|| PathBuf::from(v));
            Ok(())
        },
        get: |s| format_path(&s.model_dir),
    },
    Setting {
        key: "tracking_uri",
        scope: Scope::Statement,
        description: "MLflow server that gets the runs of CREATE MODEL, such as http://127.0.0.1:5000; empty sends nothing",
        set: |s, v| {
            s.tracking_uri = match v.trim() {
                "" => None,
                v => Some(tracking_uri(v)?),
            };
            Ok(())
        },
        get: |s| {
            s.tracking_uri
                .as_ref()
                .map(Url::to_string)
                .unwrap_or_default()
        },
    },
    Setting {
        key: "tracking_experiment",
        scope: Scope::Statement,
        description: "Experiment of the runs at the MLflow server. It is created if it does not exist",
        set: |s, v| {
            s.tracking_experiment = experiment_name(v)?;
            Ok(())
        },
        get: |s| s.tracking_experiment.clone(),
    },
];

/// A name; `None` for blank text.
fn named(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_string())
}

fn parse_number(text: &str, min: usize, max: usize) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(n) if (min..=max).contains(&n) => Ok(n),
        _ => Err(format!(
            "'{text}' is not a whole number from {min} to {max}"
        )),
    }
}

fn parse_ratio(text: &str, min: f64) -> Result<Ratio, String> {
    match text.trim().parse::<f64>() {
        Ok(n) if (min..=1.0).contains(&n) => Ok(Ratio(n)),
        _ => Err(format!("'{text}' is not a number from {min} to 1")),
    }
}

/// Units of sizes, the largest first.
const UNITS: &[(&str, usize)] = &[
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];

/// Bytes of a size such as `8GB`; `None` for an empty text.
fn parse_bytes(text: &str) -> Result<Option<usize>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let upper = text.to_ascii_uppercase();
    let (digits, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((upper.strip_suffix(name)?, *unit)))
        .unwrap_or((upper.as_str(), 1));
    let invalid = || {
        format!("'{text}' is not a size: write a number of bytes, or a size such as 8GB or 500MB")
    };
    let number: f64 = digits.trim().parse().map_err(|_| invalid())?;
    let bytes = number * unit as f64;
    if !(1.0..=1e15).contains(&bytes) {
        return Err(invalid());
    }
    Ok(Some(bytes as usize))
}

fn format_bytes(bytes: usize) -> String {
    UNITS
        .iter()
        .find(|(_, unit)| bytes.is_multiple_of(*unit))
        .map_or_else(
            || bytes.to_string(),
            |(name, unit)| format!("{}{name}", bytes / unit),
        )
}

fn format_path(path: &Option<PathBuf>) -> String {
    path.as_ref()
        .map(|p| p.display().to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatted_sizes_parse_to_the_same_text() {
        assert_eq!(parse_bytes("8GB"), Ok(Some(8_000_000_000)));
        assert_eq!(parse_bytes(" 1.5 gb "), Ok(Some(1_500_000_000)));
        assert_eq!(parse_bytes("12345"), Ok(Some(12_345)));
        assert_eq!(parse_bytes(""), Ok(None));
        for text in ["8GB", "1500MB", "12345B"] {
            assert_eq!(format_bytes(parse_bytes(text).unwrap().unwrap()), text);
        }
    }
}
