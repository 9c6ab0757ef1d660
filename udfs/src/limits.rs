//! Limits that a program sets on its [`Runtime`](crate::Runtime).

/// Models that a runtime keeps in memory by default.
pub const DEFAULT_MAX_MODELS: usize = 8;

/// Bytes of one downloaded file by default: 64 GiB, more than any encoder has.
pub const DEFAULT_MAX_DOWNLOAD_BYTES: u64 = 64 << 30;

/// What the sessions of a [`Runtime`](crate::Runtime) may use. The default is
/// what a user at the prompt may use; a server narrows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeLimits {
    /// Models that stay in memory when no query uses them; the least recently
    /// used one goes first. Values below 1 count as 1.
    pub max_models: usize,
    /// Whether models may be downloaded from the hub.
    pub downloads: bool,
    /// Whether `ai.model` and `model =>` may name a folder.
    pub model_paths: bool,
    /// Whether `ai_cache_clear()` may run.
    pub clear_cache: bool,
    /// Largest file, in bytes, that is downloaded.
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
