//! Open caches, shared by the requests of a process.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, Weak};

use lru::LruCache;

use super::setting::CacheSetting;
use super::vector_cache::{CacheLimits, VectorCache};
use crate::error::{Error, Result};
use crate::sync::lock;

/// Maximum bytes of the vectors of running queries: enough for texts that repeat within tens
/// of thousands of others, and little beside the model.
const MAX_RECENT_BYTES: usize = 96 << 20;

/// Caches that stay open while no query uses them.
const MAX_CACHES: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Setting and size of a cache.
type CacheKey = (String, Option<usize>);

/// Open caches by setting, and the short-lived cache of running queries.
#[derive(Debug)]
pub struct CacheRegistry {
    recent: Mutex<Weak<VectorCache>>,
    open: Mutex<LruCache<CacheKey, Arc<VectorCache>>>,
    /// Warnings of caches that were closed.
    warnings: Mutex<Vec<String>>,
}

impl Default for CacheRegistry {
    fn default() -> Self {
        Self {
            recent: Mutex::default(),
            open: Mutex::new(LruCache::new(MAX_CACHES)),
            warnings: Mutex::default(),
        }
    }
}

impl CacheRegistry {
    /// Vectors of running queries, kept while any of them holds the cache. A text
    /// of two queries, or of two parts of a query, is thus encoded once. Takes
    /// `max_bytes` at most.
    pub fn recent(&self, max_bytes: usize) -> Arc<VectorCache> {
        let mut recent = lock(&self.recent);
        if let Some(cache) = recent.upgrade() {
            if cache.stats().limit > max_bytes as u64 {
                cache.set_memory_limit(max_bytes);
            }
            return cache;
        }
        let limits = CacheLimits {
            memory: max_bytes.min(MAX_RECENT_BYTES),
            ..CacheLimits::default()
        };
        let cache = Arc::new(VectorCache::memory(limits));
        *recent = Arc::downgrade(&cache);
        cache
    }

    /// The cache for `setting`, opened once; `None` for [`CacheSetting::Off`].
    ///
    /// # Errors
    /// [`Error::Setup`] for a folder that cannot be used.
    pub fn get(
        &self,
        setting: &CacheSetting,
        size: Option<usize>,
    ) -> Result<Option<Arc<VectorCache>>> {
        if *setting == CacheSetting::Off {
            return Ok(None);
        }
        let key = (setting.to_string(), size);
        let mut open = lock(&self.open);
        if let Some(cache) = open.get(&key) {
            return Ok(Some(Arc::clone(cache)));
        }
        let mut limits = CacheLimits::default();
        if let Some(bytes) = size {
            limits.memory = bytes;
            limits.disk = bytes as u64;
        }
        let cache = VectorCache::open(setting, limits);
        let cache = Arc::new(cache.map_err(|e| Error::Setup(e.to_string()))?);
        let evicted = open.push(key, Arc::clone(&cache));
        drop(open);
        if let Some((_, evicted)) = evicted {
            lock(&self.warnings).extend(warnings(&evicted));
        }
        Ok(Some(cache))
    }

    /// Removes and returns the warnings of all caches.
    pub fn take_warnings(&self) -> Vec<String> {
        let open: Vec<_> = lock(&self.open)
            .iter()
            .map(|(_, cache)| cache.clone())
            .collect();
        let mut all = std::mem::take(&mut *lock(&self.warnings));
        all.extend(open.iter().flat_map(warnings));
        all
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.open).len()
    }
}

/// Warnings of one cache.
fn warnings(cache: &Arc<VectorCache>) -> impl Iterator<Item = String> + use<> {
    let cache = Arc::clone(cache);
    std::iter::from_fn(move || cache.take_warning())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_open_caches_is_bounded() {
        let registry = CacheRegistry::default();
        for size in 1..=MAX_CACHES.get() + 10 {
            let cache = registry.get(&CacheSetting::Memory, Some(size)).unwrap();
            assert!(cache.is_some());
        }
        assert_eq!(registry.len(), MAX_CACHES.get());
    }
}
