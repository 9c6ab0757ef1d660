//! Replacement of the cache on disk in a build without the feature `disk-cache`.

use std::path::Path;

use super::error::CacheError;
use super::key::{Fingerprint, Key};
use super::stats::CacheStats;

/// Cache that cannot be opened.
#[derive(Debug)]
#[allow(dead_code, reason = "never opened")]
pub struct DiskCache;

impl DiskCache {
    /// Reports that this build has no cache on disk.
    ///
    /// # Errors
    /// Always.
    pub fn open(folder: &Path, _limit: u64) -> Result<Self, CacheError> {
        Err(CacheError::new(format!(
            "ai.cache = '{}': this program was built without a cache on disk. Build it with the \
             feature `disk-cache` of semql-udfs, or set ai.cache to 'memory' or 'off'",
            folder.display()
        )))
    }

    pub fn get_many(
        &mut self,
        _model: &Fingerprint,
        _keys: &[Key],
        _dims: usize,
        _found: &mut impl FnMut(usize, &[f32]),
    ) -> usize {
        0
    }

    pub fn put_many<'a>(
        &mut self,
        _model: &Fingerprint,
        _dims: usize,
        _vectors: impl Iterator<Item = (Key, &'a [f32])>,
    ) -> usize {
        0
    }

    pub fn clear(&mut self) -> Result<u64, CacheError> {
        Ok(0)
    }

    pub fn take_warning(&mut self) -> Option<String> {
        None
    }

    pub fn stats(&mut self) -> CacheStats {
        CacheStats::default()
    }
}
