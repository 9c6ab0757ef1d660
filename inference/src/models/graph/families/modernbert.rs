//! ModernBERT: rotary positions, gated layers, normalized inputs, and layers in
//! which tokens attend to their neighbors.

use super::super::architecture::{Architecture, Dense, Embeddings, Layer, Norm};
use super::activation::activation;
use super::rotary;
use crate::models::config::EncoderConfig;
use crate::models::weights::Weights;

const DEFAULT_GLOBAL_BASE: f64 = 160_000.0;
const DEFAULT_LOCAL_BASE: f64 = 10_000.0;

/// Tokens of the window of local layers.
const DEFAULT_WINDOW: usize = 128;

/// Every third layer is global, the first one included.
const DEFAULT_GLOBAL_INTERVAL: usize = 3;

pub(super) fn architecture(config: &EncoderConfig, _: &Weights) -> Result<Architecture, String> {
    let biases = Biases {
        attention: config.flag(&["attention_bias"])?.unwrap_or(false),
        mlp: config.flag(&["mlp_bias"])?.unwrap_or(false),
        norm: config.flag(&["norm_bias"])?.unwrap_or(false),
    };
    let global = rotary::base(
        config,
        Some("full_attention"),
        &["global_rope_theta"],
        DEFAULT_GLOBAL_BASE,
    )?;
    let local = rotary::base(
        config,
        Some("sliding_attention"),
        &["local_rope_theta"],
        DEFAULT_LOCAL_BASE,
    )?;
    let window = config
        .count(&["local_attention"])?
        .unwrap_or(DEFAULT_WINDOW);
    let is_global = global_layers(config)?;
    let layers = is_global
        .into_iter()
        .enumerate()
        .map(|(number, is_global)| Layer {
            rotary_base: Some(if is_global { global } else { local }),
            window: (!is_global).then_some(window / 2),
            ..layer(number, &biases)
        });
    Ok(Architecture {
        embeddings: Embeddings {
            words: "embeddings.tok_embeddings".to_string(),
            positions: None,
            segments: None,
            norm: biases.norm("embeddings.norm".to_string()),
        },
        pre_norm: true,
        final_norm: Some(biases.norm("final_norm".to_string())),
        norm_epsilon: config.layer_norm_eps,
        activation: activation(config)?,
        relative_bias: None,
        layers: layers.collect(),
    })
}

struct Biases {
    attention: bool,
    mlp: bool,
    norm: bool,
}

impl Biases {
    fn norm(&self, name: String) -> Norm {
        Norm {
            name,
            bias: self.norm,
        }
    }
}

/// Whether the tokens of each layer attend to all others.
fn global_layers(config: &EncoderConfig) -> Result<Vec<bool>, String> {
    if let Some(types) = config.texts("layer_types")? {
        if types.len() != config.num_hidden_layers {
            return Err(format!("layer_types of {} layers", types.len()));
        }
        return types
            .iter()
            .map(|layer| match *layer {
                "full_attention" => Ok(true),
                "sliding_attention" => Ok(false),
                other => Err(format!("the layer type '{other:.80}'")),
            })
            .collect();
    }
    let interval = config
        .count(&["global_attn_every_n_layers"])?
        .unwrap_or(DEFAULT_GLOBAL_INTERVAL);
    if interval == 0 {
        return Err("a global layer every 0 layers".to_string());
    }
    Ok((0..config.num_hidden_layers)
        .map(|layer| layer.is_multiple_of(interval))
        .collect())
}

fn layer(number: usize, biases: &Biases) -> Layer {
    let name = |part: &str| format!("layers.{number}.{part}");
    Layer {
        attention: [0, 1, 2]
            .map(|part| Dense::part(name("attn.Wqkv"), part, 3).with_bias(biases.attention)),
        attention_output: Dense::new(name("attn.Wo")).with_bias(biases.attention),
        // The embeddings are normalized already.
        attention_norm: (number > 0).then(|| biases.norm(name("attn_norm"))),
        gate: Some(Dense::part(name("mlp.Wi"), 0, 2).with_bias(biases.mlp)),
        up: Dense::part(name("mlp.Wi"), 1, 2).with_bias(biases.mlp),
        down: Dense::new(name("mlp.Wo")).with_bias(biases.mlp),
        output_norm: biases.norm(name("mlp_norm")),
        rotary_base: None,
        window: None,
    }
}
