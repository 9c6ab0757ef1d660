//! Running an encoder over token batches. The one contract is [`Backend`].

mod deterministic;
mod device;
mod onnx;
mod pool;
mod providers;
mod runtime_library;

pub use deterministic::Deterministic;
pub use device::Device;
#[cfg(test)]
pub use onnx::run_floats;
pub use onnx::{Onnx, OnnxOptions};
pub use runtime_library::{
    check_environment, environment, library_path, use_environment, version as library_version,
};

use crate::error::Result;

/// Token ids of several texts, padded on the right to the longest.
#[derive(Debug, Default)]
pub struct TokenBatch {
    pub rows: usize,
    /// Tokens in each row, padding included.
    pub width: usize,
    /// `rows * width` ids, row by row.
    pub ids: Vec<i64>,
    /// 1 for a token, 0 for padding; same shape as `ids`.
    pub mask: Vec<i64>,
}

impl TokenBatch {
    /// Lays out `rows` padded with `pad` to the longest of them.
    pub fn new(rows: &[&[u32]], pad: i64) -> Self {
        let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
        let mut batch = Self {
            rows: rows.len(),
            width,
            ids: vec![pad; rows.len() * width],
            mask: vec![0; rows.len() * width],
        };
        for (row, tokens) in rows.iter().enumerate() {
            for (column, &token) in tokens.iter().enumerate() {
                batch.ids[row * width + column] = i64::from(token);
                batch.mask[row * width + column] = 1;
            }
        }
        batch
    }
}

/// One loaded encoder on one device.
pub trait Backend: Send {
    /// Where it runs, as users write it: `cpu`, `cuda:0`.
    fn device(&self) -> &str;

    /// The arithmetic of its matrix products: `fp32`, `int8`, `fp16`.
    fn precision(&self) -> &'static str;

    /// Padded tokens in one batch that suit the device, for who leaves it open.
    fn batch_tokens(&self) -> usize {
        1024
    }

    /// Appends one unit vector of `dims` values for every row of `batch`.
    fn encode(&mut self, batch: &TokenBatch, dims: usize, vectors: &mut Vec<f32>) -> Result<()>;
}
