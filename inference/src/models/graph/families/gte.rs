//! GTE of Alibaba, whose `model_type` is `new`, or `gte` in transformers: BERT with
//! rotary positions and gated layers.

use super::super::architecture::{Architecture, Dense, Embeddings, Layer, Norm};
use super::activation::activation;
use super::rotary;
use crate::models::config::EncoderConfig;
use crate::models::weights::Weights;

/// Bases that an absent member means, in the publisher's code and in transformers.
const DEFAULT_PUBLISHED_BASE: f64 = 10_000.0;
const DEFAULT_BASE: f64 = 160_000.0;

pub(super) fn architecture(
    config: &EncoderConfig,
    weights: &Weights,
) -> Result<Architecture, String> {
    for (name, value) in [
        ("position_embedding_type", "rope"),
        ("layer_norm_type", "layer_norm"),
    ] {
        if let Some(other) = config.text(&[name])?.filter(|text| *text != value) {
            return Err(format!("{name}: {other:.80}"));
        }
    }
    for name in ["logn_attention_scale", "logn_attention_clip1"] {
        if config.flag(&[name])? == Some(true) {
            return Err(format!("{name}: true"));
        }
    }
    let default = match config.model_type.as_str() {
        "new" => DEFAULT_PUBLISHED_BASE,
        _ => DEFAULT_BASE,
    };
    let base = rotary::base(config, None, &["rope_theta"], default)?;
    let published = weights.contains("encoder.layer.0.attention.qkv_proj.weight");
    let segments = config.count(&["type_vocab_size"])? != Some(0);
    Ok(Architecture {
        embeddings: Embeddings {
            words: "embeddings.word_embeddings".to_string(),
            positions: None,
            segments: segments.then(|| "embeddings.token_type_embeddings".to_string()),
            norm: Norm::new("embeddings.LayerNorm"),
        },
        pre_norm: false,
        final_norm: None,
        norm_epsilon: config.layer_norm_eps,
        activation: activation(config)?,
        relative_bias: None,
        layers: (0..config.num_hidden_layers)
            .map(|number| Layer {
                rotary_base: Some(base),
                ..if published {
                    published_layer(number)
                } else {
                    transformers_layer(number)
                }
            })
            .collect(),
    })
}

fn published_layer(number: usize) -> Layer {
    let name = |part: &str| format!("encoder.layer.{number}.{part}");
    let gated = |part| Dense::part(name("mlp.up_gate_proj"), part, 2).with_bias(false);
    Layer {
        attention: [0, 1, 2].map(|part| Dense::part(name("attention.qkv_proj"), part, 3)),
        attention_output: Dense::new(name("attention.o_proj")),
        attention_norm: Some(Norm::new(name("attn_ln"))),
        up: gated(0),
        gate: Some(gated(1)),
        down: Dense::new(name("mlp.down_proj")),
        output_norm: Norm::new(name("mlp_ln")),
        rotary_base: None,
        window: None,
    }
}

fn transformers_layer(number: usize) -> Layer {
    let name = |part: &str| format!("layers.{number}.{part}");
    let gated = |part: &str| Dense::new(name(part)).with_bias(false);
    Layer {
        attention: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"]
            .map(|part| Dense::new(name(part))),
        attention_output: Dense::new(name("self_attn.o_proj")),
        attention_norm: Some(Norm::new(name("post_attention_layernorm"))),
        up: gated("mlp.up_proj"),
        gate: Some(gated("mlp.gate_proj")),
        down: Dense::new(name("mlp.down_proj")),
        output_norm: Norm::new(name("post_mlp_layernorm")),
        rotary_base: None,
        window: None,
    }
}
