//! Values that depend on positions, of a graph under construction.

use std::collections::HashMap;

/// Values of positions in a graph, made once and used by all layers.
#[derive(Default)]
pub struct SharedPositions {
    /// Offsets of each token to each other, `[tokens, tokens]`.
    pub offsets: Option<String>,
    pub relative: Option<String>,
    pub windows: HashMap<usize, String>,
    /// Cosine and sine by the bits of the base.
    pub rotations: HashMap<u64, (String, String)>,
}
