//! Activation functions in `config.json`.

use crate::models::activation::Activation;
use crate::models::config::EncoderConfig;

/// The activation of the dense layers.
pub(super) fn activation(config: &EncoderConfig) -> Result<Activation, String> {
    Activation::from_config(&config.hidden_act)
        .ok_or_else(|| format!("the activation '{:.80}'", config.hidden_act))
}
