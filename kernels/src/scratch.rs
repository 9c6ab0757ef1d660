//! Buffers of one thread, reused between calls.

use std::time::Duration;

use crate::aligned::AlignedBuffer;
use crate::attention::AttentionScratch;
use crate::projections::Projections;
use crate::quantize::QuantizedRows;

/// Buffers of [`Int8Encoder::encode`](crate::Int8Encoder::encode) for one thread. They grow to the largest call.
#[derive(Default)]
pub struct Scratch {
    pub(crate) layer: LayerScratch,
    pub(crate) timings: Timings,
}

/// Time per part, summed over calls with the same [`Scratch`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Table lookups and their normalization.
    pub embedding: Duration,
    /// Integer matrix products of the linear layers.
    pub linear: Duration,
    /// Quantization of queries, keys and values.
    pub projections: Duration,
    pub attention: Duration,
    /// Activation and quantization between the feed-forward layers.
    pub activation: Duration,
    /// Residual sums, layer normalization and quantization.
    pub norm: Duration,
}

#[derive(Default)]
pub(crate) struct LayerScratch {
    /// Token vectors: `[tokens, hidden]`.
    pub tokens: AlignedBuffer<f32>,
    /// Input of the next linear layer: one row per token.
    pub input: QuantizedRows,
    /// Attention output: one row per token.
    pub context: QuantizedRows,
    /// Between the feed-forward layers: one row per token of a block.
    pub intermediate: QuantizedRows,
    pub projections: Projections,
    pub attention: AttentionScratch,
    /// Integer results of a linear layer for a block.
    pub sums: AlignedBuffer<i32>,
    /// One row in f32.
    pub row: AlignedBuffer<f32>,
}

impl Scratch {
    pub fn new() -> Self {
        Self::default()
    }

    /// Time per part since the last call of this function.
    pub fn take_timings(&mut self) -> Timings {
        std::mem::take(&mut self.timings)
    }
}
