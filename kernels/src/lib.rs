//! int8 transformer encoder for the CPU.
//!
//! [`Int8Encoder`] computes the token vectors of BERT-like models: embedding tables, attention and feed-forward
//! layers with normalization after each residual sum. Pooling is left to the caller.
//!
//! - Linear layers multiply u8 activations with i8 weights. Weights have one scale per output. Activations have
//!   one scale per token, computed at run time: no calibration, and no influence between texts.
//! - Attention multiplies integers too: queries, keys and values have one scale per token and head.
//! - Texts lie one after the other, without padding.
//! - The instruction set is chosen at run time ([`Isa`]): AVX-512 VNNI, AVX-VNNI, AVX2, or plain Rust.
//!   The integer sums are the same with all of them.
//! - A call runs on one thread. Threads share the encoder; each has a [`Scratch`].
//!
//! ```
//! use semql_kernels::{
//!     Activation, Dense, EmbeddingTables, EncoderError, EncoderShape, Int8Encoder, LayerWeights, Norm, Scratch,
//! };
//!
//! let shape = EncoderShape {
//!     hidden: 4,
//!     heads: 2,
//!     intermediate: 8,
//!     norm_epsilon: 1e-12,
//!     activation: Activation::Gelu,
//! };
//! let norm = || Norm { weights: vec![1.0; 4], bias: vec![0.0; 4] };
//! let embeddings = EmbeddingTables {
//!     words: (0..40).map(|i| (i as f32).sin()).collect(), // ten tokens
//!     positions: vec![0.0; 16 * 4],
//!     norm: norm(),
//! };
//! let dense = |outputs: usize, inputs: usize| Dense {
//!     weights: (0..outputs * inputs).map(|i| (i as f32).cos()).collect(),
//!     bias: vec![],
//! };
//! let layer = LayerWeights {
//!     query: dense(4, 4),
//!     key: dense(4, 4),
//!     value: dense(4, 4),
//!     attention_output: dense(4, 4),
//!     attention_norm: norm(),
//!     up: dense(8, 4),
//!     down: dense(4, 8),
//!     output_norm: norm(),
//! };
//! let encoder = Int8Encoder::new(shape, embeddings, [Ok::<_, EncoderError>(layer)])?;
//!
//! let (mut scratch, mut vectors) = (Scratch::new(), Vec::new());
//! encoder.encode(&[&[1, 2, 3], &[4, 5]], &mut scratch, &mut vectors)?;
//! assert_eq!(vectors.len(), 5 * encoder.hidden());
//! # Ok::<(), EncoderError>(())
//! ```
//!
//! # Inside
//!
//! | module | content |
//! |---|---|
//! | `isa` | Run-time choice; the macro `per_isa` compiles a generic function once per instruction set |
//! | `gemm` | Micro-kernels: up to 12 rows by 32 columns |
//! | `floats` | Sixteen f32 lanes per instruction set, for everything between the matrix products |
//! | `pack` | Weights, quantized and packed once |
//! | `quantize` | Rows to u8 and integer sums back to f32 |
//! | `projections`, `softmax`, `attention` | Attention |
//! | `activation`, `norm` | GELU and layer normalization |
//! | `layer`, `encoder` | A layer over blocks of tokens; the whole model |

mod activation;
mod aligned;
mod attention;
mod encoder;
mod error;
mod floats;
mod gemm;
mod isa;
mod layer;
mod norm;
mod pack;
mod projections;
mod quantize;
mod scratch;
mod softmax;
#[cfg(test)]
mod test_support;
mod weights;

pub use encoder::Int8Encoder;
pub use error::EncoderError;
pub use isa::Isa;
pub use scratch::{Scratch, Timings};
pub use weights::{Activation, Dense, EmbeddingTables, EncoderShape, LayerWeights, Norm};
