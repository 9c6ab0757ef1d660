//! Parameters of rotary positions in `config.json`.

use serde_json::{Map, Value};

use crate::models::config::EncoderConfig;

/// Bases of rotations that are plausible.
const BASES: std::ops::RangeInclusive<f64> = 1.0..=1e12;

/// The base of rotary positions: `rope_theta` of `rope_parameters` (below `layer_type`
/// if it has members for several), else the member `older`, else `default`.
///
/// # Errors
/// A scaling of positions, which is not supported.
pub(super) fn base(
    config: &EncoderConfig,
    layer_type: Option<&str>,
    older: &[&'static str],
    default: f64,
) -> Result<f64, String> {
    let size = config.hidden_size / config.num_attention_heads.max(1);
    if !size.is_multiple_of(2) {
        return Err(format!("rotary positions of heads of {size} dimensions"));
    }
    if let Some(scaling) = config.object("rope_scaling")? {
        check_type(scaling)?;
    }
    let mut parameters = config.object("rope_parameters")?;
    if let Some(layer_type) = layer_type
        && let Some(of_layers) = parameters.and_then(|p| p.get(layer_type))
    {
        parameters = of_layers.as_object();
    }
    if let Some(parameters) = parameters {
        check_type(parameters)?;
    }
    let stored = parameters.and_then(|p| p.get("rope_theta"));
    let base = match stored {
        Some(value) => value.as_f64(),
        None => Some(config.number(older)?.unwrap_or(default)),
    };
    base.filter(|base| BASES.contains(base))
        .ok_or_else(|| "a base of rotary positions that is not a number above 1".to_string())
}

/// Refuses a scaling of positions.
fn check_type(parameters: &Map<String, Value>) -> Result<(), String> {
    let kind = parameters
        .get("rope_type")
        .or_else(|| parameters.get("type"));
    match kind.map(Value::as_str) {
        None | Some(Some("default")) => Ok(()),
        Some(kind) => Err(format!(
            "the scaling of rotary positions '{:.80}'",
            kind.unwrap_or("unnamed")
        )),
    }
}
