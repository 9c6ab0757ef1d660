//! Vectors without a model, for tests of plans and SQL that need speed and
//! repeatable results, but no semantics.

use super::Backend;
use crate::error::Result;
use crate::vector::normalize;

/// Backend that sums one pseudo-random vector per token id. Texts that share
/// words have similar vectors, and nothing has to be loaded.
pub struct DeterministicBackend;

impl Backend for DeterministicBackend {
    fn device(&self) -> &str {
        "cpu"
    }

    fn precision(&self) -> &'static str {
        "fp32"
    }

    fn encode(&mut self, texts: &[&[u32]], dims: usize, vectors: &mut Vec<f32>) -> Result<usize> {
        for ids in texts {
            let mut vector = vec![0f32; dims];
            for id in *ids {
                let mut state = u64::from(*id) ^ 0x9E37_79B9_7F4A_7C15;
                for value in &mut vector {
                    // splitmix64: one multiply-xorshift round per dimension
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
        Ok(texts.iter().map(|ids| ids.len()).sum())
    }
}
