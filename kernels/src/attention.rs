//! Attention of one text, head by head, in integers: scores and outputs are products of quantized rows.

use crate::aligned::AlignedBuffer;
use crate::floats::{Floats, LANES, chunks};
use crate::gemm::{GROUP, Kernel, PANEL, PanelGroup, TILE_ROWS, multiply_panel};
use crate::isa::per_isa;
use crate::projections::{Projections, SMALLEST_SCALE};
use crate::quantize::{QuantizedRows, Range, quantize_row};
use crate::softmax::{KeyRows, PADDING_LOG2, log2, softmax_row};

/// Buffers of the attention of one text.
#[derive(Default)]
pub(crate) struct AttentionScratch {
    keys: Vec<PanelGroup>,
    values: Vec<PanelGroup>,
    key_scale: AlignedBuffer<f32>,
    key_offset: AlignedBuffer<f32>,
    value_log2: AlignedBuffer<f32>,
    value_inverse: AlignedBuffer<f32>,
    sums: AlignedBuffer<i32>,
    scores: AlignedBuffer<f32>,
    weights: AlignedBuffer<u8>,
    outputs: AlignedBuffer<i32>,
    /// One row per token of the text.
    context: AlignedBuffer<f32>,
    /// The hidden size rounded up to whole chunks.
    context_stride: usize,
}

/// One head of one text.
#[derive(Clone, Copy)]
struct Head<'a> {
    projections: &'a Projections,
    /// First token of the text.
    first: usize,
    tokens: usize,
    index: usize,
    size: usize,
}

impl Head<'_> {
    /// Bytes of the head in a row of queries, keys or values.
    #[inline(always)]
    fn stride(&self) -> usize {
        self.size.next_multiple_of(GROUP)
    }

    /// Start of the bytes of a token of the text.
    #[inline(always)]
    fn start(&self, token: usize) -> usize {
        (self.first + token) * self.projections.row_stride() + self.index * self.stride()
    }

    /// Scales of the query, key and value of a token of the text.
    #[inline(always)]
    fn scales(&self, token: usize) -> [f32; 3] {
        let heads = self.projections.heads;
        let scales = &self.projections.scales[(self.first + token) * 3 * heads..][..3 * heads];
        [
            scales[self.index],
            scales[heads + self.index],
            scales[2 * heads + self.index],
        ]
    }
}

per_isa! {
    /// Attention of the text of `tokens` tokens from token `first` on; the quantized result
    /// lies in the same rows of `out`.
    pub(crate) fn attend(
        projections: &Projections, first: usize, tokens: usize, scratch: &mut AttentionScratch, out: &mut QuantizedRows,
    ) = attend_generic
}

#[inline(always)]
fn attend_generic<K: Kernel>(
    projections: &Projections,
    first: usize,
    tokens: usize,
    scratch: &mut AttentionScratch,
    out: &mut QuantizedRows,
) {
    match projections.head_size {
        32 => attend_sized::<K>(projections, first, tokens, scratch, out, 32),
        64 => attend_sized::<K>(projections, first, tokens, scratch, out, 64),
        size => attend_sized::<K>(projections, first, tokens, scratch, out, size),
    }
}

#[inline(always)]
fn attend_sized<K: Kernel>(
    projections: &Projections,
    first: usize,
    tokens: usize,
    scratch: &mut AttentionScratch,
    out: &mut QuantizedRows,
    head_size: usize,
) {
    scratch.resize(projections, tokens);
    for index in 0..projections.heads {
        let head = Head {
            projections,
            first,
            tokens,
            index,
            size: head_size,
        };
        scratch.pack_keys(head);
        scratch.pack_values(head);
        for block in (0..tokens).step_by(TILE_ROWS) {
            attend_block::<K>(head, block, TILE_ROWS.min(tokens - block), scratch);
        }
    }
    let hidden = projections.heads * head_size;
    for (index, row) in scratch
        .context
        .chunks_exact_mut(scratch.context_stride)
        .enumerate()
    {
        row[hidden..].fill(0.0);
        let mut range = Range::new();
        for values in chunks(row) {
            range.include(K::Floats::load(values));
        }
        let token = first + index;
        let bytes = &mut out.data[token * out.stride..][..out.stride];
        out.scales[token] = quantize_row(row, range, bytes);
    }
}

/// Attention of `rows` queries from `block` on, for one head.
#[inline(always)]
fn attend_block<K: Kernel>(
    head: Head<'_>,
    block: usize,
    rows: usize,
    scratch: &mut AttentionScratch,
) {
    let padded = head.tokens.next_multiple_of(PANEL);
    let query = &head.projections.query[head.start(block)..];
    let query_stride = head.projections.row_stride();
    for (panel, keys) in scratch.keys.chunks_exact(head.stride() / GROUP).enumerate() {
        let sums = &mut scratch.sums[panel * PANEL..];
        multiply_panel::<K>(rows, query, query_stride, keys, sums, padded);
    }
    let keys = KeyRows {
        scale: &scratch.key_scale,
        offset: &scratch.key_offset,
        value_log2: &scratch.value_log2,
        value_inverse: &scratch.value_inverse,
    };
    let scores = &mut scratch.scores[..head.tokens.next_multiple_of(LANES)];
    let mut factors = [0.0f32; TILE_ROWS];
    for (row, factor) in factors[..rows].iter_mut().enumerate() {
        let [query_scale, ..] = head.scales(block + row);
        let (sums, weights) = (
            &scratch.sums[row * padded..],
            &mut scratch.weights[row * padded..],
        );
        *factor = softmax_row::<K::Floats>(sums, query_scale, &keys, scores, weights);
    }
    let stride = head.size.next_multiple_of(PANEL);
    for (panel, values) in scratch
        .values
        .chunks_exact(head.tokens.div_ceil(GROUP))
        .enumerate()
    {
        let outputs = &mut scratch.outputs[panel * PANEL..];
        multiply_panel::<K>(rows, &scratch.weights, padded, values, outputs, stride);
    }
    for (row, factor) in factors[..rows].iter().enumerate() {
        let start = (block + row) * scratch.context_stride + head.index * head.size;
        let (whole, rest) = scratch.context[start..][..head.size].as_chunks_mut();
        let factor = K::Floats::splat(*factor);
        let sums = chunks(&scratch.outputs[row * stride..][..stride]);
        for (out, sums) in whole.iter_mut().zip(sums) {
            K::Floats::from_integers(sums).mul(factor).store(out);
        }
        if !rest.is_empty() {
            K::Floats::from_integers(&sums[whole.len()])
                .mul(factor)
                .store_partial(rest);
        }
    }
}

impl AttentionScratch {
    fn resize(&mut self, projections: &Projections, tokens: usize) {
        let padded = tokens.next_multiple_of(PANEL);
        let panels = projections.head_size.div_ceil(PANEL);
        self.keys.clear();
        self.keys.resize(
            padded / PANEL * (projections.head_stride / GROUP),
            PanelGroup::ZERO,
        );
        self.values.clear();
        self.values
            .resize(panels * tokens.div_ceil(GROUP), PanelGroup::ZERO);
        for values in [
            &mut self.key_scale,
            &mut self.key_offset,
            &mut self.value_log2,
            &mut self.value_inverse,
        ] {
            values.resize(padded);
            values[tokens..].fill(0.0);
        }
        self.value_log2[tokens..].fill(PADDING_LOG2);
        self.sums.resize(TILE_ROWS * padded);
        self.scores.resize(padded);
        self.weights.resize(TILE_ROWS * padded);
        self.outputs.resize(TILE_ROWS * panels * PANEL);
        self.context_stride = (projections.heads * projections.head_size).next_multiple_of(LANES);
        self.context.resize(tokens * self.context_stride);
    }

    /// Packs the keys: 32 keys per panel.
    #[inline(always)]
    fn pack_keys(&mut self, head: Head<'_>) {
        let groups = head.stride() / GROUP;
        for token in 0..head.tokens {
            let row = &head.projections.key[head.start(token)..][..head.stride()];
            let panel = &mut self.keys[token / PANEL * groups..][..groups];
            for (group, word) in panel.iter_mut().zip(row.as_chunks::<GROUP>().0) {
                group.0[token % PANEL] = word.map(|byte| byte as i8);
            }
            let sum = row.iter().map(|byte| i32::from(*byte as i8)).sum::<i32>();
            let [_, key_scale, value_scale] = head.scales(token);
            self.key_scale[token] = key_scale;
            self.key_offset[token] = (-128 * sum) as f32 * key_scale;
            self.value_inverse[token] = value_scale.max(SMALLEST_SCALE);
        }
        let scales = &mut self.value_inverse[..head.tokens];
        for (log, scale) in self.value_log2.iter_mut().zip(&*scales) {
            *log = log2(*scale);
        }
        for scale in scales {
            *scale = scale.recip();
        }
    }

    /// Packs the values: groups of four tokens.
    #[inline(always)]
    fn pack_values(&mut self, head: Head<'_>) {
        let groups = head.tokens.div_ceil(GROUP);
        for start in (0..head.size).step_by(PANEL) {
            let width = PANEL.min(head.size - start);
            let panel = &mut self.values[start / PANEL * groups..][..groups];
            for (index, group) in panel.iter_mut().enumerate() {
                let mut rows = [[0u8; PANEL]; GROUP];
                for (token, row) in (index * GROUP..head.tokens).zip(&mut rows) {
                    let bytes = &head.projections.value[head.start(token) + start..];
                    row[..width].copy_from_slice(&bytes[..width]);
                }
                let [row0, row1, row2, row3] = &rows;
                for (channel, word) in group.0.iter_mut().enumerate() {
                    let bytes = [row0[channel], row1[channel], row2[channel], row3[channel]];
                    *word = bytes.map(|byte| byte as i8);
                }
            }
        }
    }
}
