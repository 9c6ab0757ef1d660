//! Options of inference.

use std::path::PathBuf;

use crate::backend::Device;
use crate::cache::CacheSetting;
use crate::models::{PrecisionSetting, catalogue};

/// Result of a text on which the model fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnError {
    /// The result is NULL, and the failure is counted.
    #[default]
    Null,
    /// The request fails.
    Fail,
}

/// Default limit of the GPU memory of a model, in bytes.
pub const DEFAULT_DEVICE_MEMORY: usize = 8_000_000_000;

/// Model, device and precision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelOptions {
    /// A name in the catalogue, a folder, or `owner/name` on the hub.
    pub model: String,
    pub device: Device,
    pub precision: PrecisionSetting,
    /// Limit of the GPU memory of the model, in bytes; `None` means no limit.
    pub device_memory: Option<usize>,
    /// Inference threads; 0 means one per core.
    pub threads: usize,
    /// Path of the ONNX Runtime library; `None` means the installed one.
    pub onnxruntime: Option<PathBuf>,
    /// Path of a library of execution providers; `None` means the installed ones.
    pub ep_library: Option<PathBuf>,
    /// Folder of models; `None` means `models` of semql's home.
    pub model_dir: Option<PathBuf>,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self {
            model: catalogue::DEFAULT_MODEL.to_string(),
            device: Device::Auto,
            precision: PrecisionSetting::Auto,
            device_memory: Some(DEFAULT_DEVICE_MEMORY),
            threads: 0,
            onnxruntime: None,
            ep_library: None,
            model_dir: None,
        }
    }
}

impl ModelOptions {
    /// Key of the model and the options that affect its speed.
    pub(crate) fn speed_key(&self) -> String {
        format!(
            "{} in {} on {} with {} threads",
            self.model, self.precision, self.device, self.threads
        )
    }
}

/// Options of requests to a model.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct InferenceOptions {
    pub model: ModelOptions,
    /// Tokens of one batch; 0 means the default of the device.
    pub batch_tokens: usize,
    pub on_error: OnError,
    /// Cache of vectors.
    pub cache: CacheSetting,
    /// Maximum size of the cache in bytes; `None` means its default.
    pub cache_size: Option<usize>,
}
