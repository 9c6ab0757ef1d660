use std::time::Instant;

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::floats::{Floats, LANES, chunks_mut};
use crate::gemm::Kernel;
use crate::isa::{Isa, per_isa};
use crate::layer::{EncoderLayer, lap};
use crate::norm::normalize_row;
use crate::quantize::{QuantizedRows, quantize_row};
use crate::weights::{EmbeddingTables, MAX_SIZE, PaddedNorm, check_array};
use crate::{EncoderError, EncoderShape, LayerWeights, Scratch};

/// BERT-like encoder with int8 weights and activations.
///
/// Threads share one encoder; each thread has its own [`Scratch`]. A call runs on the calling
/// thread. The vectors of a text do not depend on the other texts of the call.
pub struct Int8Encoder {
    isa: Isa,
    shape: EncoderShape,
    words: HalfTable,
    positions: HalfTable,
    embedding_norm: PaddedNorm,
    layers: Vec<EncoderLayer>,
}

impl Int8Encoder {
    /// Checks, quantizes and packs the weights, layer by layer, so that f32 copies do not pile up.
    ///
    /// # Errors
    /// The shape is invalid, an array has the wrong length or a value that is not finite, or `layers` yields an error.
    pub fn new<E: From<EncoderError>>(
        shape: EncoderShape,
        embeddings: EmbeddingTables,
        layers: impl IntoIterator<Item = Result<LayerWeights, E>>,
    ) -> Result<Self, E> {
        Self::with_isa(Isa::best(), shape, embeddings, layers)
    }

    /// As [`new`](Self::new), with a chosen instruction set.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_isa<E: From<EncoderError>>(
        isa: Isa,
        shape: EncoderShape,
        embeddings: EmbeddingTables,
        layers: impl IntoIterator<Item = Result<LayerWeights, E>>,
    ) -> Result<Self, E> {
        shape.check()?;
        let words = HalfTable::new("word embeddings", embeddings.words, shape.hidden)?;
        let positions = HalfTable::new("position embeddings", embeddings.positions, shape.hidden)?;
        if positions.rows() > MAX_SIZE {
            return Err(EncoderError::InvalidShape("at most 65,536 positions").into());
        }
        let embedding_norm = PaddedNorm::new("embedding norm", embeddings.norm, shape.hidden)?;
        let layers = layers
            .into_iter()
            .map(|weights| Ok(EncoderLayer::new(&shape, weights?)?))
            .collect::<Result<Vec<_>, E>>()?;
        Ok(Self {
            isa,
            shape,
            words,
            positions,
            embedding_norm,
            layers,
        })
    }

    /// Most tokens of a text.
    pub fn max_tokens(&self) -> usize {
        self.positions.rows()
    }

    /// Values of a token vector.
    pub fn hidden(&self) -> usize {
        self.shape.hidden
    }

    /// Instruction set of the kernels.
    pub fn isa(&self) -> Isa {
        self.isa
    }

    /// Computes the vectors of all tokens: `out` becomes `[tokens of all texts, hidden]`, without padding.
    ///
    /// An empty text has no rows. Pass 1,000 to 2,000 tokens per call; from 256 on, the difference is small.
    /// The order of the texts does not matter.
    ///
    /// # Errors
    /// A token id is outside the vocabulary, or a text is longer than [`max_tokens`](Self::max_tokens).
    pub fn encode(
        &self,
        texts: &[&[u32]],
        scratch: &mut Scratch,
        out: &mut Vec<f32>,
    ) -> Result<(), EncoderError> {
        out.clear();
        self.check_texts(texts)?;
        let tokens = texts.iter().map(|text| text.len()).sum::<usize>();
        if tokens == 0 {
            return Ok(());
        }
        let Scratch { layer, timings } = scratch;
        EncoderLayer::resize(&self.shape, tokens, layer);
        let mut clock = Instant::now();
        embed(
            self.isa,
            self,
            texts,
            &mut layer.tokens,
            &mut layer.row,
            &mut layer.input,
        );
        timings.embedding += lap(&mut clock);
        for weights in &self.layers {
            let lengths = texts
                .iter()
                .map(|text| text.len())
                .filter(|length| *length > 0);
            weights.forward(self.isa, &self.shape, lengths, layer, timings);
        }
        out.extend_from_slice(&layer.tokens);
        Ok(())
    }

    fn check_texts(&self, texts: &[&[u32]]) -> Result<(), EncoderError> {
        let (vocabulary, max_tokens) = (self.words.rows(), self.max_tokens());
        for (text, ids) in texts.iter().enumerate() {
            if ids.len() > max_tokens {
                return Err(EncoderError::TextTooLong {
                    text,
                    tokens: ids.len(),
                    max_tokens,
                });
            }
            if let Some(id) = ids.iter().find(|id| **id as usize >= vocabulary) {
                return Err(EncoderError::UnknownToken {
                    text,
                    id: *id,
                    vocabulary,
                });
            }
        }
        Ok(())
    }
}

per_isa! {
    /// Sums word and position vectors, normalizes them into `out` and quantizes them into `input`.
    fn embed(
        encoder: &Int8Encoder, texts: &[&[u32]], out: &mut [f32], row: &mut [f32], input: &mut QuantizedRows,
    ) = embed_generic
}

#[inline(always)]
fn embed_generic<K: Kernel>(
    encoder: &Int8Encoder,
    texts: &[&[u32]],
    out: &mut [f32],
    row: &mut [f32],
    input: &mut QuantizedRows,
) {
    let hidden = encoder.shape.hidden;
    let tokens = texts.iter().flat_map(|text| text.iter().enumerate());
    let row = &mut row[..hidden.next_multiple_of(LANES)];
    row[hidden..].fill(0.0);
    let PaddedNorm { weights, bias } = &encoder.embedding_norm;
    for (token, (out, (index, id))) in out.chunks_exact_mut(hidden).zip(tokens).enumerate() {
        encoder
            .words
            .row(*id as usize)
            .convert_to_f32_slice(&mut row[..hidden]);
        encoder.positions.row(index).convert_to_f32_slice(out);
        let mut sum = K::Floats::splat(0.0);
        let (whole, rest) = out.as_chunks();
        for (chunk, values) in chunks_mut(row).iter_mut().enumerate() {
            let position = match whole.get(chunk) {
                Some(position) => K::Floats::load(position),
                None => K::Floats::load_partial(rest),
            };
            let value = K::Floats::load(values).add(position);
            sum = sum.add(value);
            value.store(values);
        }
        let range = normalize_row(row, hidden, sum, weights, bias, encoder.shape.norm_epsilon);
        out.copy_from_slice(&row[..hidden]);
        row[hidden..].fill(0.0);
        input.scales[token] = quantize_row(
            row,
            range,
            &mut input.data[token * input.stride..][..input.stride],
        );
    }
}

/// Embedding table of 16-bit floats.
struct HalfTable {
    values: Vec<f16>,
    columns: usize,
}

impl HalfTable {
    fn new(array: &'static str, values: Vec<f32>, columns: usize) -> Result<Self, EncoderError> {
        check_array(array, &values, (values.len() / columns).max(1), columns)?;
        let values: Vec<f16> = values.into_iter().map(f16::from_f32).collect();
        if !values.iter().all(|v| v.is_finite()) {
            return Err(EncoderError::OutOfHalfRange { array });
        }
        Ok(Self { values, columns })
    }

    fn rows(&self) -> usize {
        self.values.len() / self.columns
    }

    fn row(&self, index: usize) -> &[f16] {
        &self.values[index * self.columns..][..self.columns]
    }
}
