//! MPNet: absolute positions as in RoBERTa, and a bias of the attention by
//! distance, which all layers share.

use super::super::architecture::{Architecture, Dense, Embeddings, Layer, Norm, RelativeBias};
use super::activation::activation;
use crate::models::config::EncoderConfig;
use crate::models::weights::Weights;

/// Buckets of distances that an absent member means.
const DEFAULT_BUCKETS: usize = 32;

pub(super) fn architecture(config: &EncoderConfig, _: &Weights) -> Result<Architecture, String> {
    let buckets = config
        .count(&["relative_attention_num_buckets"])?
        .unwrap_or(DEFAULT_BUCKETS);
    // transformers' encoder has this number, whatever the configuration says.
    if buckets != DEFAULT_BUCKETS {
        return Err(format!("{buckets} buckets of relative positions"));
    }
    Ok(Architecture {
        embeddings: Embeddings {
            words: "embeddings.word_embeddings".to_string(),
            positions: Some((
                "embeddings.position_embeddings".to_string(),
                config.first_position(),
            )),
            segments: None,
            norm: Norm::new("embeddings.LayerNorm"),
        },
        pre_norm: false,
        final_norm: None,
        norm_epsilon: config.layer_norm_eps,
        activation: activation(config)?,
        relative_bias: Some(RelativeBias {
            name: "encoder.relative_attention_bias.weight".to_string(),
            buckets,
        }),
        layers: (0..config.num_hidden_layers).map(layer).collect(),
    })
}

fn layer(number: usize) -> Layer {
    let name = |part: &str| format!("encoder.layer.{number}.{part}");
    Layer {
        attention: ["q", "k", "v"].map(|part| Dense::new(name(&format!("attention.attn.{part}")))),
        attention_output: Dense::new(name("attention.attn.o")),
        attention_norm: Some(Norm::new(name("attention.LayerNorm"))),
        up: Dense::new(name("intermediate.dense")),
        gate: None,
        down: Dense::new(name("output.dense")),
        output_norm: Norm::new(name("output.LayerNorm")),
        rotary_base: None,
        window: None,
    }
}
