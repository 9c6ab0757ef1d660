//! DistilBERT: BERT without segments, under other names.

use super::super::architecture::{Architecture, Dense, Embeddings, Layer, Norm};
use super::activation::activation;
use crate::models::config::EncoderConfig;
use crate::models::weights::Weights;

/// Epsilon of all normalizations.
const NORM_EPSILON: f32 = 1e-12;

pub(super) fn architecture(config: &EncoderConfig, _: &Weights) -> Result<Architecture, String> {
    Ok(Architecture {
        embeddings: Embeddings {
            words: "embeddings.word_embeddings".to_string(),
            positions: Some(("embeddings.position_embeddings".to_string(), 0)),
            segments: None,
            norm: Norm::new("embeddings.LayerNorm"),
        },
        pre_norm: false,
        final_norm: None,
        norm_epsilon: NORM_EPSILON,
        activation: activation(config)?,
        relative_bias: None,
        layers: (0..config.num_hidden_layers).map(layer).collect(),
    })
}

fn layer(number: usize) -> Layer {
    let name = |part: &str| format!("transformer.layer.{number}.{part}");
    Layer {
        attention: ["q_lin", "k_lin", "v_lin"]
            .map(|part| Dense::new(name(&format!("attention.{part}")))),
        attention_output: Dense::new(name("attention.out_lin")),
        attention_norm: Some(Norm::new(name("sa_layer_norm"))),
        up: Dense::new(name("ffn.lin1")),
        gate: None,
        down: Dense::new(name("ffn.lin2")),
        output_norm: Norm::new(name("output_layer_norm")),
        rotary_base: None,
        window: None,
    }
}
