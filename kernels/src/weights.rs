//! Weights of an encoder in f32, as a loader provides them, and their checks.

use crate::EncoderError;
use crate::aligned::AlignedBuffer;
use crate::floats::LANES;

/// Largest size of one dimension. Sums of 65,536 products of a u8 and an i8 fit an i32.
pub(crate) const MAX_SIZE: usize = 65_536;

/// Activation function between the two layers of the feed-forward network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// Exact GELU (`gelu` in Hugging Face configurations).
    Gelu,
    /// GELU by its tanh formula (`gelu_new`, `gelu_pytorch_tanh`).
    GeluTanh,
    Relu,
}

/// Sizes of a BERT-like encoder with normalization after each residual sum.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EncoderShape {
    /// Values of a token vector.
    pub hidden: usize,
    /// Attention heads; must divide `hidden`.
    pub heads: usize,
    /// Values between the two feed-forward layers.
    pub intermediate: usize,
    /// Constant added to variances in layer normalization.
    pub norm_epsilon: f32,
    pub activation: Activation,
}

/// Linear layer.
#[derive(Clone, Debug, Default)]
pub struct Dense {
    /// `[outputs, inputs]`, row by row, as in PyTorch.
    pub weights: Vec<f32>,
    /// `[outputs]`, or empty.
    pub bias: Vec<f32>,
}

/// Layer normalization.
#[derive(Clone, Debug, Default)]
pub struct Norm {
    pub weights: Vec<f32>,
    /// `[hidden]`, or empty.
    pub bias: Vec<f32>,
}

/// One transformer layer.
#[derive(Clone, Debug, Default)]
pub struct LayerWeights {
    pub query: Dense,
    pub key: Dense,
    pub value: Dense,
    pub attention_output: Dense,
    pub attention_norm: Norm,
    /// Feed-forward layer from `hidden` to `intermediate`.
    pub up: Dense,
    /// Feed-forward layer from `intermediate` to `hidden`.
    pub down: Dense,
    pub output_norm: Norm,
}

/// Embedding tables and their normalization.
#[derive(Clone, Debug, Default)]
pub struct EmbeddingTables {
    /// `[vocabulary, hidden]`.
    pub words: Vec<f32>,
    /// `[positions, hidden]`. Row 0 belongs to the first token; the vector of the segment is already added.
    pub positions: Vec<f32>,
    pub norm: Norm,
}

impl EncoderShape {
    pub(crate) fn check(&self) -> Result<(), EncoderError> {
        let invalid = |reason| Err(EncoderError::InvalidShape(reason));
        if self.hidden == 0 || self.heads == 0 || self.intermediate == 0 {
            return invalid("hidden, heads and intermediate must be positive");
        }
        if self.hidden > MAX_SIZE || self.intermediate > MAX_SIZE {
            return invalid("hidden and intermediate must be at most 65,536");
        }
        if !self.hidden.is_multiple_of(self.heads) {
            return invalid("the number of heads must divide the hidden size");
        }
        if !self.norm_epsilon.is_finite() || self.norm_epsilon < 0.0 {
            return invalid("the epsilon of the normalization must be finite and not negative");
        }
        Ok(())
    }

    pub(crate) fn head_size(&self) -> usize {
        self.hidden / self.heads
    }
}

/// Checks length and finiteness. `[rows, columns]` is at most `MAX_SIZE` squared, so the product fits.
pub(crate) fn check_array(
    array: &'static str,
    values: &[f32],
    rows: usize,
    columns: usize,
) -> Result<(), EncoderError> {
    let expected = rows * columns;
    if values.len() != expected {
        return Err(EncoderError::WrongLength {
            array,
            expected,
            found: values.len(),
        });
    }
    if !values.iter().all(|v| v.is_finite()) {
        return Err(EncoderError::NotFinite { array });
    }
    Ok(())
}

/// Checks a bias; an empty one becomes zeros.
pub(crate) fn check_bias(
    array: &'static str,
    mut values: Vec<f32>,
    length: usize,
) -> Result<Vec<f32>, EncoderError> {
    if values.is_empty() {
        values.resize(length, 0.0);
    }
    check_array(array, &values, length, 1)?;
    Ok(values)
}

/// Layer normalization, checked and padded with zeros to whole chunks.
pub(crate) struct PaddedNorm {
    pub weights: AlignedBuffer<f32>,
    pub bias: AlignedBuffer<f32>,
}

impl PaddedNorm {
    /// Checks the arrays; an empty bias becomes zeros.
    pub fn new(array: &'static str, norm: Norm, hidden: usize) -> Result<Self, EncoderError> {
        check_array(array, &norm.weights, hidden, 1)?;
        let bias = check_bias(array, norm.bias, hidden)?;
        let [weights, bias] = [norm.weights, bias]
            .map(|values| AlignedBuffer::padded(&values, hidden.next_multiple_of(LANES)));
        Ok(Self { weights, bias })
    }
}
