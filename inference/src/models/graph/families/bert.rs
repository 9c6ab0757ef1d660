//! BERT, and RoBERTa, XLM-R and CamemBERT, which differ in their first position.

use super::super::architecture::{Architecture, Dense, Embeddings, Layer, Norm};
use super::activation::activation;
use crate::models::config::EncoderConfig;
use crate::models::weights::Weights;

pub(super) fn architecture(config: &EncoderConfig, _: &Weights) -> Result<Architecture, String> {
    match config.text(&["position_embedding_type"])? {
        None | Some("absolute") => {}
        Some(other) => return Err(format!("the position embedding '{other:.80}'")),
    }
    Ok(Architecture {
        embeddings: Embeddings {
            words: "embeddings.word_embeddings".to_string(),
            positions: Some((
                "embeddings.position_embeddings".to_string(),
                config.first_position(),
            )),
            segments: Some("embeddings.token_type_embeddings".to_string()),
            norm: Norm::new("embeddings.LayerNorm"),
        },
        pre_norm: false,
        final_norm: None,
        norm_epsilon: config.layer_norm_eps,
        activation: activation(config)?,
        relative_bias: None,
        layers: (0..config.num_hidden_layers).map(layer).collect(),
    })
}

fn layer(number: usize) -> Layer {
    let name = |part: &str| format!("encoder.layer.{number}.{part}");
    Layer {
        attention: ["query", "key", "value"]
            .map(|part| Dense::new(name(&format!("attention.self.{part}")))),
        attention_output: Dense::new(name("attention.output.dense")),
        attention_norm: Some(Norm::new(name("attention.output.LayerNorm"))),
        up: Dense::new(name("intermediate.dense")),
        gate: None,
        down: Dense::new(name("output.dense")),
        output_norm: Norm::new(name("output.LayerNorm")),
        rotary_base: None,
        window: None,
    }
}
