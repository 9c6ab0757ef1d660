//! The encoder of semql's int8 kernels, from the weights that graphs are built of.

use semql_kernels::{
    Activation as KernelActivation, Dense as KernelDense, EmbeddingTables, EncoderError,
    EncoderShape, Int8Encoder, Isa, LayerWeights, Norm as KernelNorm,
};

use super::architecture::{Architecture, Dense, Embeddings, Layer, Norm};
use crate::models::activation::Activation;
use crate::models::weights::Weights;
use crate::models::{ModelError, ModelSpec};

enum LoadError {
    Model(ModelError),
    Encoder(EncoderError),
}

impl From<ModelError> for LoadError {
    fn from(error: ModelError) -> Self {
        Self::Model(error)
    }
}

impl From<EncoderError> for LoadError {
    fn from(error: EncoderError) -> Self {
        Self::Encoder(error)
    }
}

/// Whether the kernels compute this architecture, and are faster on this machine
/// than the runtime.
pub fn is_supported(architecture: &Architecture) -> bool {
    let plain = |layer: &Layer| {
        layer.attention_norm.is_some()
            && layer.gate.is_none()
            && layer.rotary_base.is_none()
            && layer.window.is_none()
    };
    !Isa::best().is_portable()
        && !architecture.pre_norm
        && architecture.final_norm.is_none()
        && architecture.relative_bias.is_none()
        && architecture.embeddings.positions.is_some()
        && activation(architecture.activation).is_some()
        && architecture.layers.iter().all(plain)
}

/// Builds the encoder of a supported architecture.
///
/// # Errors
/// A missing weight, or one of another shape or with values that are not finite.
pub fn build(
    architecture: &Architecture,
    weights: &Weights,
    spec: &ModelSpec,
) -> Result<Int8Encoder, ModelError> {
    let reader = Reader {
        weights,
        hidden: spec.config.hidden_size,
    };
    let encoder = reader.encoder(architecture, spec);
    encoder.map_err(|error| match error {
        LoadError::Model(error) => error,
        LoadError::Encoder(error) => ModelError::corrupt(weights.path(), error.to_string()),
    })
}

fn activation(activation: Activation) -> Option<KernelActivation> {
    match activation {
        Activation::Gelu => Some(KernelActivation::Gelu),
        Activation::GeluTanh => Some(KernelActivation::GeluTanh),
        Activation::Relu => Some(KernelActivation::Relu),
        _ => None,
    }
}

struct Reader<'a> {
    weights: &'a Weights,
    hidden: usize,
}

impl Reader<'_> {
    fn encoder(
        &self,
        architecture: &Architecture,
        spec: &ModelSpec,
    ) -> Result<Int8Encoder, LoadError> {
        let intermediate = match architecture.layers.first() {
            Some(layer) => self.rows(&layer.up)?,
            None => self.hidden,
        };
        let shape = EncoderShape {
            hidden: self.hidden,
            heads: spec.config.num_attention_heads,
            intermediate,
            norm_epsilon: architecture.norm_epsilon,
            activation: activation(architecture.activation).unwrap_or(KernelActivation::Gelu),
        };
        let tables = self.embeddings(&architecture.embeddings, spec)?;
        let layers = architecture.layers.iter();
        let layers = layers.map(|layer| Ok(self.layer(layer, intermediate)?));
        Int8Encoder::new(shape, tables, layers)
    }

    fn embeddings(
        &self,
        parts: &Embeddings,
        spec: &ModelSpec,
    ) -> Result<EmbeddingTables, ModelError> {
        let (config, hidden) = (&spec.config, self.hidden);
        let table = |name: &str, rows| {
            let table = self
                .weights
                .shaped(&format!("{name}.weight"), &[rows, hidden])?;
            Ok::<_, ModelError>(table.data)
        };
        let words = table(&parts.words, config.vocab_size)?;
        let mut positions = Vec::new();
        if let Some((name, first)) = &parts.positions {
            positions = table(name, config.max_position_embeddings)?;
            positions.drain(..(first * hidden).min(positions.len()));
        }
        // Texts have the first segment.
        if let Some(name) = &parts.segments {
            let segments = self.weights.tensor(&format!("{name}.weight"))?.data;
            let segment = segments.get(..hidden).unwrap_or_default();
            let rows = positions.chunks_exact_mut(hidden);
            rows.flat_map(|row| row.iter_mut().zip(segment))
                .for_each(|(value, added)| *value += added);
        }
        let norm = self.norm(&parts.norm)?;
        Ok(EmbeddingTables {
            words,
            positions,
            norm,
        })
    }

    fn layer(&self, layer: &Layer, intermediate: usize) -> Result<LayerWeights, ModelError> {
        let hidden = self.hidden;
        let [query, key, value] = &layer.attention;
        let attention_norm = match &layer.attention_norm {
            Some(norm) => self.norm(norm)?,
            None => KernelNorm::default(),
        };
        Ok(LayerWeights {
            query: self.dense(query, hidden, hidden)?,
            key: self.dense(key, hidden, hidden)?,
            value: self.dense(value, hidden, hidden)?,
            attention_output: self.dense(&layer.attention_output, hidden, hidden)?,
            attention_norm,
            up: self.dense(&layer.up, intermediate, hidden)?,
            down: self.dense(&layer.down, hidden, intermediate)?,
            output_norm: self.norm(&layer.output_norm)?,
        })
    }

    fn norm(&self, norm: &Norm) -> Result<KernelNorm, ModelError> {
        let read = |part: &str| {
            let name = format!("{}.{part}", norm.name);
            Ok::<_, ModelError>(self.weights.shaped(&name, &[self.hidden])?.data)
        };
        Ok(KernelNorm {
            weights: read("weight")?,
            bias: match norm.bias {
                true => read("bias")?,
                false => Vec::new(),
            },
        })
    }

    fn dense(
        &self,
        layer: &Dense,
        outputs: usize,
        inputs: usize,
    ) -> Result<KernelDense, ModelError> {
        let (part, parts) = layer.part;
        let rows = outputs.saturating_mul(parts);
        let weights = self
            .weights
            .shaped(&format!("{}.weight", layer.name), &[rows, inputs])?;
        let bias = match layer.bias {
            true => {
                self.weights
                    .shaped(&format!("{}.bias", layer.name), &[rows])?
                    .data
            }
            false => Vec::new(),
        };
        let own = |values: Vec<f32>, size: usize| -> Vec<f32> {
            values.into_iter().skip(part * size).take(size).collect()
        };
        Ok(KernelDense {
            weights: own(weights.data, outputs * inputs),
            bias: own(bias, outputs),
        })
    }

    /// Outputs of `layer`, by the shape of its weights.
    fn rows(&self, layer: &Dense) -> Result<usize, ModelError> {
        let name = format!("{}.weight", layer.name);
        match self.weights.shape(&name) {
            Some([rows, _]) => Ok(rows / layer.part.1),
            // Reading it fails with the reason.
            _ => self.weights.shaped(&name, &[0, 0]).map(|_| 0),
        }
    }
}
