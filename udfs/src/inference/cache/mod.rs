//! Vectors that were computed before.
//!
//! A vector is found under what it depends on: the text ([`Key`]) and everything
//! about the model that shows in its vectors ([`Fingerprint`]). A changed text or
//! a changed model has another name, so nothing ever becomes stale.
//!
//! The cache is an aid. Once open, it never makes a query fail: what goes wrong is
//! a vector not found or not kept, and [`Cache::take_warning`] says it once.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

mod file;
mod format;
mod key;
mod memory;
mod rows;
mod setting;
mod store;
#[cfg(test)]
mod tests;

pub use key::{Fingerprint, Key};
pub use memory::MemoryStore;
pub use setting::Setting;
pub use store::DiskCache;

/// How much is kept, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub memory: usize,
    pub disk: u64,
}

impl Default for Limits {
    /// 256 MiB in memory, about 160,000 vectors of 384 numbers; 4 GiB on disk,
    /// about 2.6 million.
    fn default() -> Limits {
        Limits {
            memory: 256 << 20,
            disk: 4 << 30,
        }
    }
}

/// What [`Setting`] asks for, behind one set of functions. Threads may share it.
#[derive(Debug, Default)]
pub enum Cache {
    #[default]
    Off,
    Memory(Mutex<Memory>),
    Folder(Mutex<DiskCache>),
}

/// A [`MemoryStore`], and how it served.
#[derive(Debug)]
pub struct Memory {
    store: MemoryStore,
    hits: u64,
    misses: u64,
    writes: u64,
}

impl Cache {
    /// The cache that `setting` asks for.
    ///
    /// # Errors
    /// When the folder cannot be made, read or, unless it has a cache file, written.
    pub fn open(setting: &Setting, limits: Limits) -> Result<Cache, Error> {
        Ok(match setting {
            Setting::Off => Cache::Off,
            Setting::Memory => Cache::memory(limits),
            Setting::Folder(folder) => {
                Cache::Folder(Mutex::new(DiskCache::open(folder, limits.disk)?))
            }
        })
    }

    /// A cache that lives as long as the value.
    pub fn memory(limits: Limits) -> Cache {
        Cache::Memory(Mutex::new(Memory {
            store: MemoryStore::new(limits.memory),
            hits: 0,
            misses: 0,
            writes: 0,
        }))
    }

    /// Whether asking costs next to nothing.
    pub fn is_memory(&self) -> bool {
        matches!(self, Cache::Memory(_))
    }

    /// Whether nothing is ever found or kept, so that keys need not be made.
    pub fn is_off(&self) -> bool {
        matches!(self, Cache::Off)
    }

    /// Hands each vector found, `dims` numbers long, to `found` with the position
    /// of its key in `keys`; in what order is not said. Returns how many were
    /// found.
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
            Cache::Off => 0,
            Cache::Memory(memory) => {
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
            Cache::Folder(disk) => lock(disk).get_many(model, keys, dims, found),
        }
    }

    /// Keeps vectors of `dims` numbers, and drops others, unused for long, where
    /// the limit is reached. Returns how many were kept; a vector of another
    /// length, or with a number that is not finite, is not.
    ///
    /// On disk this is one transaction: when the process is killed, all of them
    /// are there or none. It takes some 20 microseconds a vector, so a thousand
    /// or more should go together; it waits up to two seconds for another process
    /// that is writing.
    pub fn put_many<'a>(
        &self,
        model: &Fingerprint,
        dims: usize,
        vectors: impl Iterator<Item = (Key, &'a [f32])>,
    ) -> usize {
        match self {
            Cache::Off => 0,
            Cache::Memory(memory) => {
                let mut memory = lock(memory);
                let kept = vectors
                    .filter(|(_, vector)| vector.len() == dims)
                    .filter(|(key, vector)| memory.store.put(model, key, vector))
                    .count();
                memory.writes += kept as u64;
                kept
            }
            Cache::Folder(disk) => lock(disk).put_many(model, dims, vectors),
        }
    }

    /// Bytes of memory that vectors take: what to ask a memory pool for. On disk
    /// and off, that is none.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Cache::Memory(memory) => lock(memory).store.bytes(),
            Cache::Off | Cache::Folder(_) => 0,
        }
    }

    /// Lowers or raises the limit of a cache in memory, for when a memory pool
    /// refuses. A lower one takes effect before this returns.
    pub fn set_memory_limit(&self, bytes: usize) {
        if let Cache::Memory(memory) = self {
            lock(memory).store.set_limit(bytes);
        }
    }

    /// What is kept now, and what was found and kept by this process so far.
    pub fn stats(&self) -> Stats {
        match self {
            Cache::Off => Stats {
                location: Setting::Off.to_string(),
                ..Stats::default()
            },
            Cache::Memory(memory) => {
                let memory = lock(memory);
                Stats {
                    location: Setting::Memory.to_string(),
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
            Cache::Folder(disk) => lock(disk).stats(),
        }
    }

    /// Removes every vector of every model and returns how many there were.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn clear(&self) -> Result<u64, Error> {
        match self {
            Cache::Off => Ok(0),
            Cache::Memory(memory) => Ok(lock(memory).store.clear() as u64),
            Cache::Folder(disk) => lock(disk).clear(),
        }
    }

    /// Something the user should know, once; there may be another one after it.
    pub fn take_warning(&self) -> Option<String> {
        match self {
            Cache::Off | Cache::Memory(_) => None,
            Cache::Folder(disk) => lock(disk).take_warning(),
        }
    }
}

/// How a cache is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// `off`, `memory`, or the path of the file.
    pub location: String,
    /// Models that have vectors here.
    pub models: u64,
    /// Vectors.
    pub entries: u64,
    /// Bytes they take, in memory or on disk, with all that belongs to them.
    pub bytes: u64,
    /// Bytes they may take.
    pub limit: u64,
    /// Vectors this process asked for and got.
    pub hits: u64,
    /// Vectors this process asked for and did not get.
    pub misses: u64,
    /// Vectors this process stored.
    pub writes: u64,
    /// Batches this process could not store.
    pub skipped: u64,
}

/// Why a cache cannot be opened or cleared, or a setting is none: what happened,
/// where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl Error {
    fn new(message: impl Into<String>) -> Error {
        Error(message.into())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Whether `vector` is one that a model of `dims` numbers can have made.
fn storable(vector: &[f32], dims: usize) -> bool {
    dims > 0 && vector.len() == dims && vector.iter().all(|number| number.is_finite())
}

/// A thread that panicked with the lock held was in the middle of one call; every
/// call leaves the store in order step by step, so the others go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
