//! Figures of a cache.

/// Contents of a cache, and its use by this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CacheStats {
    /// `off`, `memory`, or the path of the file.
    pub location: String,
    /// Models with vectors in the cache.
    pub models: u64,
    /// Vectors.
    pub entries: u64,
    /// Bytes in use, in memory or on disk, including the index.
    pub bytes: u64,
    /// Maximum of `bytes`.
    pub limit: u64,
    /// Look-ups of this process that found a vector.
    pub hits: u64,
    /// Look-ups of this process that found none.
    pub misses: u64,
    /// Vectors that this process stored.
    pub writes: u64,
    /// Batches that this process could not store.
    pub skipped: u64,
}
