//! Options that a graph is opened with.

use std::path::PathBuf;

use super::Device;
use crate::models::Precision;

/// Options that a graph is opened with.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    pub library: Option<PathBuf>,
    /// Library of a provider, a plugin; `None` means the installed one.
    pub provider_library: Option<PathBuf>,
    /// `auto` means the CPU here: the caller has already chosen the device.
    pub device: Device,
    /// Threads of all sessions; 0 means one per core.
    pub threads: usize,
    /// Rest of the model after a published graph; `None` for a graph that semql
    /// builds.
    pub head: Option<PublishedHead>,
    /// Token id of padding.
    pub pad: i64,
    /// Precision of the graph.
    pub precision: Precision,
    /// Limit of a GPU's memory arena in bytes; `None` means all of it.
    pub device_memory: Option<usize>,
}

/// Pooling and the modules after it, for a published graph.
#[derive(Clone, Debug)]
pub struct PublishedHead {
    /// Graph from `token_embeddings` and `attention_mask` to `embedding`.
    pub graph: Vec<u8>,
    /// Whether token vectors are read where the graph has those of texts too.
    pub prefer_token_vectors: bool,
    /// First position of a text, for graphs that take positions.
    pub first_position: i64,
    /// Whether a graph without token vectors is refused.
    pub required: bool,
}
