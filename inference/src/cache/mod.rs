//! Cache of vectors by text and model.
//!
//! The key of a vector covers all that the vector depends on: the text ([`Key`])
//! and the model with its settings ([`Fingerprint`]). A changed text or model has
//! another key, so no entry becomes stale.
//!
//! Once open, a cache never makes a query fail: after a failure a vector is not
//! found or not stored, and [`VectorCache::take_warning`] reports it once.

#[cfg(feature = "disk-cache")]
mod disk_cache;
#[cfg(not(feature = "disk-cache"))]
#[path = "no_disk_cache.rs"]
mod disk_cache;
mod error;
#[cfg(feature = "disk-cache")]
mod file;
#[cfg(feature = "disk-cache")]
mod format;
mod key;
mod memory;
mod registry;
#[cfg(feature = "disk-cache")]
mod rows;
mod setting;
mod stats;
mod storable;
#[cfg(all(test, feature = "disk-cache"))]
mod tests;
mod vector_cache;

pub use disk_cache::DiskCache;
pub use error::CacheError;
pub use key::{Fingerprint, Key};
pub use memory::MemoryStore;
pub use registry::CacheRegistry;
pub use setting::CacheSetting;
pub use stats::CacheStats;
pub use vector_cache::{CacheLimits, MemoryCache, VectorCache};
