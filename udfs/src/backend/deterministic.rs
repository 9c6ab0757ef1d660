//! Vectors without a model: for tests of plans and SQL, where speed and
//! repeatability matter and meaning does not.

use super::{Backend, TokenBatch};
use crate::error::Result;
use crate::vector::normalize;

/// Sums a pseudo-random vector for each token id, so that texts that share
/// words are near each other and nothing has to be loaded.
pub struct Deterministic;

impl Backend for Deterministic {
    fn device(&self) -> &str {
        "cpu"
    }

    fn precision(&self) -> &'static str {
        "fp32"
    }

    fn encode(&mut self, batch: &TokenBatch, dims: usize, vectors: &mut Vec<f32>) -> Result<()> {
        for row in 0..batch.rows {
            let mut vector = vec![0f32; dims];
            for column in 0..batch.width {
                let at = row * batch.width + column;
                if batch.mask[at] == 0 {
                    continue;
                }
                let mut state = batch.ids[at] as u64 ^ 0x9E37_79B9_7F4A_7C15;
                for value in &mut vector {
                    // splitmix64: one multiply-xorshift round a dimension
                    state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                    let mut z = state;
                    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                    *value += ((z >> 40) as f32 / (1u64 << 23) as f32) - 1.0;
                }
            }
            normalize(&mut vector);
            vectors.extend_from_slice(&vector);
        }
        Ok(())
    }
}
