//! The contract of all backends.

use super::TokenBatch;
use crate::error::Result;

/// One loaded encoder on one device.
pub trait Backend: Send {
    /// Device in the spelling of `ai.device`: `cpu`, `cuda:0`.
    fn device(&self) -> &str;

    /// Precision of the matrix products: `fp32`, `int8`, `fp16`.
    fn precision(&self) -> &'static str;

    /// Default batch size for this device, in padded tokens.
    fn batch_tokens(&self) -> usize {
        1024
    }

    /// Appends one unit vector of `dims` values for every row of `batch`.
    fn encode(&mut self, batch: &TokenBatch, dims: usize, vectors: &mut Vec<f32>) -> Result<()>;
}
