//! Queries, keys and values of all tokens, quantized per token and head.

use crate::aligned::AlignedBuffer;
use crate::floats::{Floats, LANES, chunks_mut};
use crate::gemm::{GROUP, Kernel};
use crate::isa::per_isa;
use crate::pack::PackedDense;
use crate::quantize::{Dequantizer, ROUND_MAGIC, RowScale};

/// Largest magnitudes below have no usable inverse and count as zero.
pub(crate) const SMALLEST_SCALE: f32 = 1e-30;

/// Queries, keys and values of all tokens of a call, quantized per token and head.
#[derive(Default)]
pub(crate) struct Projections {
    pub heads: usize,
    pub head_size: usize,
    /// Bytes of one head in a row: `head_size` rounded up to a multiple of four.
    pub head_stride: usize,
    /// Offset by 128.
    pub query: AlignedBuffer<u8>,
    /// Bits of i8 values, as in `value`.
    pub key: AlignedBuffer<u8>,
    pub value: AlignedBuffer<u8>,
    /// `[token, query | key | value, head]`.
    pub scales: AlignedBuffer<f32>,
}

impl Projections {
    pub fn resize(&mut self, tokens: usize, heads: usize, head_size: usize) {
        (self.heads, self.head_size) = (heads, head_size);
        self.head_stride = head_size.next_multiple_of(GROUP);
        let bytes = tokens * heads * self.head_stride;
        self.query.resize(bytes);
        self.key.resize(bytes);
        self.value.resize(bytes);
        self.scales.resize(tokens * 3 * heads);
    }

    pub fn row_stride(&self) -> usize {
        self.heads * self.head_stride
    }
}

per_isa! {
    /// Converts sums of the joint query, key and value layer to quantized rows from token `first` on.
    pub(crate) fn store_projections(
        sums: &[i32], row_scales: &[RowScale], dense: &PackedDense, first: usize, row: &mut [f32], out: &mut Projections,
    ) = store_projections_generic
}

#[inline(always)]
fn store_projections_generic<K: Kernel>(
    sums: &[i32],
    row_scales: &[RowScale],
    dense: &PackedDense,
    first: usize,
    row: &mut [f32],
    out: &mut Projections,
) {
    match out.head_size {
        // Constant sizes let the compiler unroll the loops over one head.
        32 => store_projections_sized::<K>(sums, row_scales, dense, first, row, out, 32),
        64 => store_projections_sized::<K>(sums, row_scales, dense, first, row, out, 64),
        size => store_projections_sized::<K>(sums, row_scales, dense, first, row, out, size),
    }
}

#[inline(always)]
fn store_projections_sized<K: Kernel>(
    sums: &[i32],
    row_scales: &[RowScale],
    dense: &PackedDense,
    first: usize,
    row: &mut [f32],
    out: &mut Projections,
    head_size: usize,
) {
    let (heads, hidden, row_stride) = (out.heads, out.heads * head_size, out.row_stride());
    let head_stride = head_size.next_multiple_of(GROUP);
    let score_scale = std::f32::consts::LOG2_E / (head_size as f32).sqrt();
    let width = dense.padded_outputs();
    let row = &mut row[..width];
    for (index, row_scale) in row_scales.iter().enumerate() {
        let sums = &sums[index * width..][..width];
        let dequantizer = Dequantizer::<K::Floats>::new(dense, *row_scale, sums, width / LANES);
        for (chunk, out) in chunks_mut(row).iter_mut().enumerate() {
            dequantizer.chunk(chunk).store(out);
        }
        let token = first + index;
        let bytes = token * row_stride..(token + 1) * row_stride;
        let scales = &mut out.scales[token * 3 * heads..][..3 * heads];
        for part in 0..3 {
            let (rows, zero) = match part {
                0 => (&mut out.query, 128.0),
                1 => (&mut out.key, 0.0),
                _ => (&mut out.value, 0.0),
            };
            let bytes = &mut rows[bytes.clone()];
            for head in 0..heads {
                let values = &row[part * hidden + head * head_size..][..head_size];
                let (bytes, padding) =
                    bytes[head * head_stride..][..head_stride].split_at_mut(head_size);
                padding.fill(0);
                scales[part * heads + head] = quantize_head::<K::Floats>(values, zero, bytes);
            }
        }
        for scale in &mut scales[..heads] {
            *scale *= score_scale;
        }
    }
}

/// Quantizes one head to `zero - 127` to `zero + 127`. Returns the scale.
#[inline(always)]
fn quantize_head<F: Floats>(values: &[f32], zero: f32, out: &mut [u8]) -> f32 {
    let (whole, rest) = values.as_chunks();
    let mut largest = F::splat(0.0);
    for chunk in whole {
        largest = F::load(chunk).abs().max(largest);
    }
    if !rest.is_empty() {
        largest = F::load_partial(rest).abs().max(largest);
    }
    let largest = largest.largest();
    let (inverse, scale) = if largest > SMALLEST_SCALE {
        (127.0 / largest, largest * (1.0 / 127.0))
    } else {
        (0.0, 0.0)
    };
    let (factor, shift) = (F::splat(inverse), F::splat(ROUND_MAGIC + zero));
    let (whole_out, rest_out) = out.as_chunks_mut();
    for (values, out) in whole.iter().zip(whole_out) {
        F::load(values).mul_add(factor, shift).store_low_bytes(out);
    }
    if !rest.is_empty() {
        let mut bytes = [0; LANES];
        F::load_partial(rest)
            .mul_add(factor, shift)
            .store_low_bytes(&mut bytes);
        rest_out.copy_from_slice(&bytes[..rest.len()]);
    }
    scale
}
