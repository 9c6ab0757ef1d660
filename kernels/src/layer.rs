//! One transformer layer over the tokens of a call.

use std::time::Instant;

use crate::EncoderError;
use crate::activation::{Activate, Gelu, GeluTanh, Relu};
use crate::attention::attend;
use crate::floats::{Floats, LANES, chunks_mut};
use crate::gemm::{Kernel, PANEL, multiply};
use crate::isa::{Isa, per_isa};
use crate::norm::normalize_row;
use crate::pack::PackedDense;
use crate::projections::store_projections;
use crate::quantize::{Dequantizer, QuantizedRows, Range, RowScale, quantize_row};
use crate::scratch::{LayerScratch, Timings};
use crate::weights::{Activation, EncoderShape, LayerWeights, PaddedNorm};

/// Tokens whose intermediate results stay in the L2 cache. A multiple of the rows of a tile.
const BLOCK_ROWS: usize = 24;

/// Quantized weights of one layer.
pub(crate) struct EncoderLayer {
    projections: PackedDense,
    attention_output: PackedDense,
    attention_norm: PaddedNorm,
    up: PackedDense,
    down: PackedDense,
    output_norm: PaddedNorm,
}

impl EncoderLayer {
    pub fn new(shape: &EncoderShape, weights: LayerWeights) -> Result<Self, EncoderError> {
        let (hidden, intermediate) = (shape.hidden, shape.intermediate);
        let parts = [
            ("query", weights.query),
            ("key", weights.key),
            ("value", weights.value),
        ];
        Ok(Self {
            projections: PackedDense::new(parts, hidden, hidden)?,
            attention_output: PackedDense::new(
                [("attention output", weights.attention_output)],
                hidden,
                hidden,
            )?,
            attention_norm: PaddedNorm::new("attention norm", weights.attention_norm, hidden)?,
            up: PackedDense::new([("up", weights.up)], hidden, intermediate)?,
            down: PackedDense::new([("down", weights.down)], intermediate, hidden)?,
            output_norm: PaddedNorm::new("output norm", weights.output_norm, hidden)?,
        })
    }

    /// Runs the layer in place over `s.tokens` and `s.input` (the same, quantized). `lengths`: tokens per text.
    pub fn forward(
        &self,
        isa: Isa,
        shape: &EncoderShape,
        lengths: impl Iterator<Item = usize>,
        s: &mut LayerScratch,
        timings: &mut Timings,
    ) {
        let hidden = shape.hidden;
        let count = s.tokens.len() / hidden;
        let mut clock = Instant::now();
        for first in (0..count).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(count - first);
            run_dense(isa, &self.projections, &s.input, first, rows, &mut s.sums);
            timings.linear += lap(&mut clock);
            let scales = &s.input.scales[first..first + rows];
            store_projections(
                isa,
                &s.sums,
                scales,
                &self.projections,
                first,
                &mut s.row,
                &mut s.projections,
            );
            timings.projections += lap(&mut clock);
        }
        let mut first = 0;
        for length in lengths {
            attend(
                isa,
                &s.projections,
                first,
                length,
                &mut s.attention,
                &mut s.context,
            );
            first += length;
        }
        timings.attention += lap(&mut clock);
        for first in (0..count).step_by(BLOCK_ROWS) {
            let rows = BLOCK_ROWS.min(count - first);
            let residual = &mut s.tokens[first * hidden..][..rows * hidden];
            run_dense(
                isa,
                &self.attention_output,
                &s.context,
                first,
                rows,
                &mut s.sums,
            );
            timings.linear += lap(&mut clock);
            let scales = &s.context.scales[first..first + rows];
            let epsilon = shape.norm_epsilon;
            norm_rows(
                isa,
                &s.sums,
                scales,
                &self.attention_output,
                &self.attention_norm,
                epsilon,
                &mut s.row,
                residual,
                first,
                &mut s.input,
            );
            timings.norm += lap(&mut clock);
            run_dense(isa, &self.up, &s.input, first, rows, &mut s.sums);
            timings.linear += lap(&mut clock);
            let scales = &s.input.scales[first..first + rows];
            activate_rows(
                isa,
                &s.sums,
                scales,
                &self.up,
                shape.activation,
                &mut s.row,
                &mut s.intermediate,
            );
            timings.activation += lap(&mut clock);
            run_dense(isa, &self.down, &s.intermediate, 0, rows, &mut s.sums);
            timings.linear += lap(&mut clock);
            let scales = &s.intermediate.scales[..rows];
            norm_rows(
                isa,
                &s.sums,
                scales,
                &self.down,
                &self.output_norm,
                epsilon,
                &mut s.row,
                residual,
                first,
                &mut s.input,
            );
            timings.norm += lap(&mut clock);
        }
    }

    /// Sizes the buffers for calls of `tokens` tokens.
    pub fn resize(shape: &EncoderShape, tokens: usize, s: &mut LayerScratch) {
        let rows = BLOCK_ROWS.min(tokens);
        let widest = (3 * shape.hidden).max(shape.intermediate);
        s.tokens.resize(tokens * shape.hidden);
        s.input.resize(tokens, shape.hidden);
        s.context.resize(tokens, shape.hidden);
        s.intermediate.resize(rows, shape.intermediate);
        s.projections.resize(tokens, shape.heads, shape.head_size());
        let widest = widest.next_multiple_of(PANEL);
        s.sums.resize(rows * widest);
        s.row.resize(widest);
    }
}

/// Time since the last lap.
pub(crate) fn lap(clock: &mut Instant) -> std::time::Duration {
    let now = Instant::now();
    let elapsed = now - *clock;
    *clock = now;
    elapsed
}

/// Integer sums of `rows` rows of `input` from `first` on.
fn run_dense(
    isa: Isa,
    dense: &PackedDense,
    input: &QuantizedRows,
    first: usize,
    rows: usize,
    sums: &mut [i32],
) {
    let a = &input.data[first * input.stride..];
    multiply(
        isa,
        rows,
        a,
        input.stride,
        &dense.panels,
        dense.groups,
        sums,
        dense.padded_outputs(),
    );
}

per_isa! {
    /// Adds the layer output to `residual`, normalizes it in place, and quantizes it into `out` from row `first` on.
    fn norm_rows(
        sums: &[i32], scales: &[RowScale], dense: &PackedDense, norm: &PaddedNorm, epsilon: f32, row: &mut [f32],
        residual: &mut [f32], first: usize, out: &mut QuantizedRows,
    ) = norm_rows_generic
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn norm_rows_generic<K: Kernel>(
    sums: &[i32],
    scales: &[RowScale],
    dense: &PackedDense,
    norm: &PaddedNorm,
    epsilon: f32,
    row: &mut [f32],
    residual: &mut [f32],
    first: usize,
    out: &mut QuantizedRows,
) {
    let (n, width) = (dense.outputs, dense.padded_outputs());
    let row = &mut row[..n.next_multiple_of(LANES)];
    for (index, residual) in residual.chunks_exact_mut(n).enumerate() {
        let mut sum = K::Floats::splat(0.0);
        let count = row.len() / LANES;
        let sums = &sums[index * width..][..width];
        let dequantizer = Dequantizer::<K::Floats>::new(dense, scales[index], sums, count);
        let (whole, rest) = residual.as_chunks();
        for (chunk, out) in chunks_mut(row).iter_mut().enumerate() {
            let residual = match whole.get(chunk) {
                Some(residual) => K::Floats::load(residual),
                None => K::Floats::load_partial(rest),
            };
            let value = dequantizer.chunk(chunk).add(residual);
            sum = sum.add(value);
            value.store(out);
        }
        let range = normalize_row(row, n, sum, &norm.weights, &norm.bias, epsilon);
        residual.copy_from_slice(&row[..n]);
        let token = first + index;
        out.scales[token] = quantize_row(
            row,
            range,
            &mut out.data[token * out.stride..][..out.stride],
        );
    }
}

per_isa! {
    /// Applies the activation to the layer output and quantizes it into `out`.
    fn activate_rows(
        sums: &[i32], scales: &[RowScale], dense: &PackedDense, activation: Activation, row: &mut [f32],
        out: &mut QuantizedRows,
    ) = activate_rows_generic
}

#[inline(always)]
fn activate_rows_generic<K: Kernel>(
    sums: &[i32],
    scales: &[RowScale],
    dense: &PackedDense,
    activation: Activation,
    row: &mut [f32],
    out: &mut QuantizedRows,
) {
    match activation {
        Activation::Gelu => apply_rows::<K::Floats, Gelu>(sums, scales, dense, row, out),
        Activation::GeluTanh => apply_rows::<K::Floats, GeluTanh>(sums, scales, dense, row, out),
        Activation::Relu => apply_rows::<K::Floats, Relu>(sums, scales, dense, row, out),
    }
}

#[inline(always)]
fn apply_rows<F: Floats, A: Activate>(
    sums: &[i32],
    scales: &[RowScale],
    dense: &PackedDense,
    row: &mut [f32],
    out: &mut QuantizedRows,
) {
    let width = dense.padded_outputs();
    let row = &mut row[..width];
    for (index, row_scale) in scales.iter().enumerate() {
        let mut range = Range::new();
        let sums = &sums[index * width..][..width];
        let dequantizer = Dequantizer::<F>::new(dense, *row_scale, sums, width / LANES);
        for (chunk, out) in chunks_mut(row).iter_mut().enumerate() {
            let value = A::apply(dequantizer.chunk(chunk));
            range.include(value);
            value.store(out);
        }
        out.scales[index] = quantize_row(
            row,
            range,
            &mut out.data[index * out.stride..][..out.stride],
        );
    }
}
