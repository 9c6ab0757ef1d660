//! One interface to the caches of all settings.

use std::sync::Mutex;

use super::disk_cache::DiskCache;
use super::error::CacheError;
use super::key::{Fingerprint, Key};
use super::memory::MemoryStore;
use super::setting::CacheSetting;
use super::stats::CacheStats;
use crate::sync::lock;

/// Maximum sizes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheLimits {
    pub memory: usize,
    pub disk: u64,
}

impl Default for CacheLimits {
    /// 256 MiB in memory, about 160,000 vectors of 384 numbers; 4 GiB on disk,
    /// about 2.6 million.
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            disk: 4 << 30,
        }
    }
}

/// The cache that a [`CacheSetting`] selects. Threads may share it.
#[derive(Debug, Default)]
pub enum VectorCache {
    #[default]
    Off,
    Memory(Mutex<MemoryCache>),
    Folder(Mutex<DiskCache>),
}

/// A [`MemoryStore`] with counters.
#[derive(Debug)]
pub struct MemoryCache {
    store: MemoryStore,
    hits: u64,
    misses: u64,
    writes: u64,
}

impl VectorCache {
    /// Opens the cache that `setting` selects.
    ///
    /// # Errors
    /// When the folder cannot be created or read, or has no cache file and cannot
    /// be written.
    pub fn open(setting: &CacheSetting, limits: CacheLimits) -> Result<Self, CacheError> {
        Ok(match setting {
            CacheSetting::Off => Self::Off,
            CacheSetting::Memory => Self::memory(limits),
            CacheSetting::Folder(folder) => {
                Self::Folder(Mutex::new(DiskCache::open(folder, limits.disk)?))
            }
        })
    }

    /// A cache in memory, which lives as long as the value.
    pub fn memory(limits: CacheLimits) -> Self {
        Self::Memory(Mutex::new(MemoryCache {
            store: MemoryStore::new(limits.memory),
            hits: 0,
            misses: 0,
            writes: 0,
        }))
    }

    /// Whether a look-up costs next to nothing.
    pub fn is_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    /// Whether the cache never stores anything, so that callers need no keys.
    pub fn is_off(&self) -> bool {
        matches!(self, Self::Off)
    }

    /// Calls `found` with each vector of `dims` numbers that is in the cache, and
    /// with the position of its key in `keys`. The order of the calls is undefined.
    /// Returns their number.
    ///
    /// The cache is locked meanwhile: `found` must not call it.
    pub fn get_many(
        &self,
        model: &Fingerprint,
        keys: &[Key],
        dims: usize,
        found: &mut impl FnMut(usize, &[f32]),
    ) -> usize {
        match self {
            Self::Off => 0,
            Self::Memory(memory) => {
                let mut memory = lock(memory);
                let mut hits = 0;
                for (position, key) in keys.iter().enumerate() {
                    if let Some(vector) = memory.store.get(model, key, dims) {
                        found(position, vector);
                        hits += 1;
                    }
                }
                memory.hits += hits as u64;
                memory.misses += (keys.len() - hits) as u64;
                hits
            }
            Self::Folder(disk) => lock(disk).get_many(model, keys, dims, found),
        }
    }

    /// Stores vectors of `dims` numbers, and evicts the least recently used ones
    /// beyond the limit. Returns how many were stored. Vectors of another length,
    /// or with a number that is not finite, are skipped.
    ///
    /// On disk this is one transaction: when the process is killed, the file has
    /// all of them or none. A vector takes some 20 microseconds, so a batch should
    /// have a thousand or more. Waits up to two seconds for a process that writes.
    pub fn put_many<'a>(
        &self,
        model: &Fingerprint,
        dims: usize,
        vectors: impl Iterator<Item = (Key, &'a [f32])>,
    ) -> usize {
        match self {
            Self::Off => 0,
            Self::Memory(memory) => {
                let mut memory = lock(memory);
                let stored = vectors
                    .filter(|(_, vector)| vector.len() == dims)
                    .filter(|(key, vector)| memory.store.put(model, key, vector))
                    .count();
                memory.writes += stored as u64;
                stored
            }
            Self::Folder(disk) => lock(disk).put_many(model, dims, vectors),
        }
    }

    /// Bytes of memory that vectors take, to be reserved in a memory pool. 0 for
    /// a cache on disk and for none.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Memory(memory) => lock(memory).store.bytes(),
            Self::Off | Self::Folder(_) => 0,
        }
    }

    /// Changes the limit of a cache in memory, for when a memory pool refuses. A
    /// lower limit takes effect before this returns.
    pub fn set_memory_limit(&self, bytes: usize) {
        if let Self::Memory(memory) = self {
            lock(memory).store.set_limit(bytes);
        }
    }

    /// Contents of the cache, and its use by this process.
    pub fn stats(&self) -> CacheStats {
        match self {
            Self::Off => CacheStats {
                location: CacheSetting::Off.to_string(),
                ..CacheStats::default()
            },
            Self::Memory(memory) => {
                let memory = lock(memory);
                CacheStats {
                    location: CacheSetting::Memory.to_string(),
                    models: memory.store.models() as u64,
                    entries: memory.store.len() as u64,
                    bytes: memory.store.bytes() as u64,
                    limit: memory.store.limit() as u64,
                    hits: memory.hits,
                    misses: memory.misses,
                    writes: memory.writes,
                    skipped: 0,
                }
            }
            Self::Folder(disk) => lock(disk).stats(),
        }
    }

    /// Removes every vector of every model, and returns their number.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn clear(&self) -> Result<u64, CacheError> {
        match self {
            Self::Off => Ok(0),
            Self::Memory(memory) => Ok(lock(memory).store.clear() as u64),
            Self::Folder(disk) => lock(disk).clear(),
        }
    }

    /// Removes and returns the next warning for the user, if there is one.
    pub fn take_warning(&self) -> Option<String> {
        match self {
            Self::Off | Self::Memory(_) => None,
            Self::Folder(disk) => lock(disk).take_warning(),
        }
    }
}
