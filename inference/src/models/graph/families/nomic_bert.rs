//! Nomic BERT: BERT with rotary positions and gated layers, without biases.
//!
//! Checkpoints have the names of the publisher, or those of transformers.

use super::super::architecture::{Architecture, Dense, Embeddings, Layer, Norm};
use super::activation::activation;
use super::rotary;
use crate::models::activation::Activation;
use crate::models::config::EncoderConfig;
use crate::models::weights::Weights;

const DEFAULT_BASE: f64 = 1000.0;

/// Options of the publisher's configuration that only have one supported value.
const FLAGS: &[(&str, bool)] = &[
    ("prenorm", false),
    ("rotary_emb_interleaved", false),
    ("parallel_block", false),
    ("qkv_proj_bias", false),
    ("mlp_fc1_bias", false),
    ("mlp_fc2_bias", false),
    ("use_rms_norm", false),
];

/// Options that are not supported where they are set.
const ABSENT: &[&str] = &["rotary_scaling_factor", "rotary_emb_scale_base"];

pub(super) fn architecture(
    config: &EncoderConfig,
    weights: &Weights,
) -> Result<Architecture, String> {
    for (name, value) in FLAGS {
        if config.flag(&[name])?.is_some_and(|set| set != *value) {
            return Err(format!("{name}: {}", !value));
        }
    }
    for name in ABSENT {
        if let Some(value) = config.number(&[name])? {
            return Err(format!("{name}: {value}"));
        }
    }
    if config.count(&["num_experts"])?.unwrap_or(0) > 1 {
        return Err("a mixture of experts".to_string());
    }
    if config.number(&["rotary_emb_fraction"])?.unwrap_or(1.0) != 1.0 {
        return Err("rotary positions of a part of each head".to_string());
    }
    let activation = match config.hidden_act.as_str() {
        "swiglu" => Activation::Silu,
        "geglu" => Activation::Gelu,
        _ => activation(config)?,
    };
    let base = rotary::base(
        config,
        None,
        &["rotary_emb_base", "rope_theta"],
        DEFAULT_BASE,
    )?;
    let published = weights.contains("encoder.layers.0.attn.Wqkv.weight");
    let norm = if published {
        "emb_ln"
    } else {
        "embeddings.LayerNorm"
    };
    let segments = config.count(&["type_vocab_size"])? != Some(0);
    Ok(Architecture {
        embeddings: Embeddings {
            words: "embeddings.word_embeddings".to_string(),
            positions: None,
            segments: segments.then(|| "embeddings.token_type_embeddings".to_string()),
            norm: Norm::new(norm),
        },
        pre_norm: false,
        final_norm: None,
        norm_epsilon: config.layer_norm_eps,
        activation,
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
    let name = |part: &str| format!("encoder.layers.{number}.{part}");
    let dense = |part: &str| Dense::new(name(part)).with_bias(false);
    Layer {
        attention: [0, 1, 2].map(|part| Dense::part(name("attn.Wqkv"), part, 3).with_bias(false)),
        attention_output: dense("attn.out_proj"),
        attention_norm: Some(Norm::new(name("norm1"))),
        up: dense("mlp.fc11"),
        gate: Some(dense("mlp.fc12")),
        down: dense("mlp.fc2"),
        output_norm: Norm::new(name("norm2")),
        rotary_base: None,
        window: None,
    }
}

fn transformers_layer(number: usize) -> Layer {
    let name = |part: &str| format!("layers.{number}.{part}");
    let dense = |part: &str| Dense::new(name(part)).with_bias(false);
    Layer {
        attention: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"].map(dense),
        attention_output: dense("self_attn.o_proj"),
        attention_norm: Some(Norm::new(name("post_attention_layernorm"))),
        up: dense("mlp.up_proj"),
        gate: Some(dense("mlp.gate_proj")),
        down: dense("mlp.down_proj"),
        output_norm: Norm::new(name("post_mlp_layernorm")),
        rotary_base: None,
        window: None,
    }
}
