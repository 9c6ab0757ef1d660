//! Errors of caches and of the setting `ai.cache`.

use std::fmt;

/// Why a cache cannot be opened or cleared, or why a setting is invalid: what
/// failed, where, and the next step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheError(String);

impl CacheError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CacheError {}
