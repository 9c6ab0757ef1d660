//! Limits of a [`ModelRegistry`](crate::ModelRegistry).

/// Default number of models in memory.
pub const DEFAULT_MAX_MODELS: usize = 8;

/// Default maximum size of a downloaded file: 64 GiB, more than any encoder has.
pub const DEFAULT_MAX_DOWNLOAD_BYTES: u64 = 64 << 30;

/// Limits that a program sets on its [`ModelRegistry`](crate::ModelRegistry). The
/// default suits an interactive user; a server sets stricter limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeLimits {
    /// Maximum models in memory; the least recently used one is evicted. Values
    /// below 1 mean 1.
    pub max_models: usize,
    /// Whether models may be downloaded from the hub.
    pub downloads: bool,
    /// Whether `ai.model` and `model =>` may name a folder.
    pub model_paths: bool,
    /// Whether `ai_cache_clear()` may run.
    pub clear_cache: bool,
    /// Maximum size of a downloaded file, in bytes.
    pub max_download_bytes: u64,
}

impl Default for RuntimeLimits {
    fn default() -> Self {
        Self {
            max_models: DEFAULT_MAX_MODELS,
            downloads: true,
            model_paths: true,
            clear_cache: true,
            max_download_bytes: DEFAULT_MAX_DOWNLOAD_BYTES,
        }
    }
}
