//! Options that a graph is opened with.

use std::path::PathBuf;

use super::Device;
use crate::models::{Pooling, Precision};

/// Options that a graph is opened with.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    pub library: Option<PathBuf>,
    /// `auto` means the CPU here: the caller has already chosen the device.
    pub device: Device,
    /// Threads of all sessions; 0 means one per core.
    pub threads: usize,
    /// Pooling of graphs that return one vector per token.
    pub pooling: Pooling,
    /// Precision of the graph.
    pub precision: Precision,
    /// Limit of a GPU's memory arena in bytes; `None` means all of it.
    pub device_memory: Option<usize>,
}
