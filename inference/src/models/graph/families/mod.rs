//! Families of encoders that semql builds graphs of, one file for each.

mod activation;
mod bert;
mod distilbert;
mod gte;
mod modernbert;
mod mpnet;
mod nomic_bert;
mod rotary;

use std::path::Path;

use super::architecture::Architecture;
use crate::models::ModelError;
use crate::models::config::EncoderConfig;
use crate::models::weights::Weights;

/// Maximum layers of an encoder. Published ones have up to 48.
const MAX_LAYERS: usize = 512;

/// A family: its values of `model_type`, and its architecture. An error is the
/// part that is not supported.
struct Family {
    model_types: &'static [&'static str],
    architecture: fn(&EncoderConfig, &Weights) -> Result<Architecture, String>,
}

const FAMILIES: &[Family] = &[
    Family {
        model_types: &["bert", "roberta", "xlm-roberta", "camembert"],
        architecture: bert::architecture,
    },
    Family {
        model_types: &["distilbert"],
        architecture: distilbert::architecture,
    },
    Family {
        model_types: &["mpnet"],
        architecture: mpnet::architecture,
    },
    Family {
        model_types: &["modernbert"],
        architecture: modernbert::architecture,
    },
    Family {
        model_types: &["nomic_bert"],
        architecture: nomic_bert::architecture,
    },
    Family {
        model_types: &["gte", "new"],
        architecture: gte::architecture,
    },
];

/// The architecture of the encoder in `folder`.
///
/// # Errors
/// [`ModelError::Unsupported`], with the part that is not supported.
pub fn architecture(
    folder: &Path,
    config: &EncoderConfig,
    weights: &Weights,
) -> Result<Architecture, ModelError> {
    let family = FAMILIES
        .iter()
        .find(|family| family.model_types.contains(&config.model_type.as_str()))
        .ok_or_else(|| format!("the architecture '{:.80}'", config.model_type));
    family
        .and_then(|family| {
            check_shape(config)?;
            (family.architecture)(config, weights)
        })
        .map_err(|what| ModelError::Unsupported {
            what,
            path: folder.join("config.json"),
            hint: format!(
                "semql builds graphs for {}; \
                 for another encoder, put its ONNX export into the folder as model.onnx",
                FAMILIES
                    .iter()
                    .flat_map(|family| family.model_types)
                    .copied()
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        })
}

fn check_shape(config: &EncoderConfig) -> Result<(), String> {
    let (heads, hidden) = (config.num_attention_heads, config.hidden_size);
    if heads == 0 || !hidden.is_multiple_of(heads) {
        return Err(format!("{heads} heads over {hidden} dimensions"));
    }
    if config.num_hidden_layers > MAX_LAYERS {
        return Err(format!("{} layers", config.num_hidden_layers));
    }
    if config.flag(&["is_decoder"])? == Some(true) || config.flag(&["causal"])? == Some(true) {
        return Err("a decoder, in which tokens attend to earlier ones only".to_string());
    }
    Ok(())
}
