//! The contract of all backends.

use crate::error::Result;

/// One loaded encoder on one device.
pub trait Backend: Send {
    /// Device in the spelling of `ai.device`: `cpu`, `cuda:0`, `webgpu:0`.
    fn device(&self) -> &str;

    /// Precision of the matrix products: `fp32`, `int8`, `fp16`.
    fn precision(&self) -> &'static str;

    /// What ran where, if that is not just the device: the number of nodes of each
    /// provider, and why another device was not used.
    fn placement(&self) -> Option<String> {
        None
    }

    /// Default batch size for this device, in tokens.
    fn batch_tokens(&self) -> usize {
        1024
    }

    /// Appends one unit vector of `dims` values for each of `texts`, which are token
    /// ids. Returns the number of tokens that were computed, padding included.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::error::Error::Failed) if a smaller batch may succeed,
    /// [`Error::DeviceLost`](crate::error::Error::DeviceLost) if nothing will.
    fn encode(&mut self, texts: &[&[u32]], dims: usize, vectors: &mut Vec<f32>) -> Result<usize>;
}
