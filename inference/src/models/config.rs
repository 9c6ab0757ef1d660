//! `config.json` of an encoder.

use std::path::Path;

use serde_json::{Map, Value};

use super::ModelError;
use super::json::read_json;

/// Members that semql reads of `config.json`, each with the names that model
/// types give it.
const HIDDEN_SIZE: &[&str] = &["hidden_size", "dim", "n_embd", "d_model"];
const LAYERS: &[&str] = &["num_hidden_layers", "n_layers", "n_layer", "num_layers"];
const HEADS: &[&str] = &["num_attention_heads", "n_heads", "n_head", "num_heads"];
const POSITIONS: &[&str] = &["max_position_embeddings", "n_positions"];
const ACTIVATION: &[&str] = &[
    "hidden_act",
    "hidden_activation",
    "activation_function",
    "activation",
];
const NORM_EPSILON: &[&str] = &["layer_norm_eps", "norm_eps", "layer_norm_epsilon"];

/// Values that transformers assumes for absent members of one model type.
struct ConfigDefaults {
    model_types: &'static [&'static str],
    pad_token_id: i64,
    max_position_embeddings: usize,
    layer_norm_eps: f32,
    hidden_act: &'static str,
}

const DEFAULTS: &[ConfigDefaults] = &[
    ConfigDefaults {
        model_types: &["roberta", "xlm-roberta", "camembert", "mpnet"],
        pad_token_id: 1,
        max_position_embeddings: 512,
        layer_norm_eps: 1e-12,
        hidden_act: "gelu",
    },
    ConfigDefaults {
        model_types: &["modernbert"],
        pad_token_id: 50283,
        max_position_embeddings: 8192,
        layer_norm_eps: 1e-5,
        hidden_act: "gelu",
    },
    ConfigDefaults {
        model_types: &["nomic_bert"],
        pad_token_id: 0,
        max_position_embeddings: 2048,
        layer_norm_eps: 1e-12,
        hidden_act: "silu",
    },
    ConfigDefaults {
        model_types: &["gte"],
        pad_token_id: 1,
        max_position_embeddings: 8192,
        layer_norm_eps: 1e-12,
        hidden_act: "gelu",
    },
    // All others.
    ConfigDefaults {
        model_types: &[],
        pad_token_id: 0,
        max_position_embeddings: 512,
        layer_norm_eps: 1e-12,
        hidden_act: "gelu",
    },
];

/// The part of `config.json` that graphs and tokens depend on.
#[derive(Clone, Debug)]
pub struct EncoderConfig {
    pub model_type: String,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    pub hidden_act: String,
    pub layer_norm_eps: f32,
    pub max_position_embeddings: usize,
    pub vocab_size: usize,
    pub pad_token_id: i64,
    /// All members, for those of one family.
    members: Map<String, Value>,
}

impl EncoderConfig {
    /// Reads `config.json` of `folder`.
    ///
    /// # Errors
    /// A missing or damaged file.
    pub(super) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config.json");
        let members: Map<String, Value> = read_json(&path)?.ok_or_else(|| ModelError::Missing {
            what: "config.json".to_string(),
            path: folder.to_path_buf(),
            hint: "a model folder has config.json, tokenizer.json and its weights".to_string(),
        })?;
        Self::from_members(members).map_err(|reason| ModelError::corrupt(path, reason))
    }

    fn from_members(members: Map<String, Value>) -> Result<Self, String> {
        let model_type = match members.get("model_type").and_then(Value::as_str) {
            Some(name) => name.to_string(),
            None => return Err("it has no model_type".to_string()),
        };
        let defaults = DEFAULTS
            .iter()
            .find(|d| d.model_types.contains(&model_type.as_str()))
            .unwrap_or(&DEFAULTS[DEFAULTS.len() - 1]);
        let config = Self {
            hidden_size: 0,
            num_hidden_layers: 0,
            num_attention_heads: 0,
            hidden_act: defaults.hidden_act.to_string(),
            layer_norm_eps: defaults.layer_norm_eps,
            max_position_embeddings: defaults.max_position_embeddings,
            vocab_size: 0,
            pad_token_id: defaults.pad_token_id,
            model_type,
            members,
        };
        Ok(Self {
            hidden_size: required(config.count(HIDDEN_SIZE)?, HIDDEN_SIZE)?,
            num_hidden_layers: config.count(LAYERS)?.unwrap_or_default(),
            num_attention_heads: config.count(HEADS)?.unwrap_or_default(),
            hidden_act: config
                .text(ACTIVATION)?
                .unwrap_or(&config.hidden_act)
                .to_string(),
            layer_norm_eps: config
                .number(NORM_EPSILON)?
                .map_or(config.layer_norm_eps, |epsilon| epsilon as f32),
            max_position_embeddings: config
                .count(POSITIONS)?
                .unwrap_or(config.max_position_embeddings),
            vocab_size: required(config.count(&["vocab_size"])?, &["vocab_size"])?,
            pad_token_id: match config.get(&["pad_token_id"]) {
                Some((name, value)) => value
                    .as_i64()
                    .filter(|id| u32::try_from(*id).is_ok() || *id == -1)
                    .ok_or_else(|| not_a("token id", name))?
                    .max(0),
                None => config.pad_token_id,
            },
            ..config
        })
    }

    /// Index of the first position. RoBERTa and its relatives start after the
    /// padding id.
    pub fn first_position(&self) -> usize {
        match self.model_type.as_str() {
            "mpnet" => 2,
            "roberta" | "xlm-roberta" | "camembert" => {
                usize::try_from(self.pad_token_id).map_or(1, |id| id.saturating_add(1))
            }
            _ => 0,
        }
    }

    /// Maximum tokens of a text in the position table.
    pub fn positions(&self) -> usize {
        self.max_position_embeddings
            .saturating_sub(self.first_position())
    }

    /// The first of the members `names` that is set.
    fn get(&self, names: &[&'static str]) -> Option<(&'static str, &Value)> {
        names
            .iter()
            .find_map(|name| Some((*name, self.members.get(*name)?)))
    }

    /// A member that is a size.
    pub(super) fn count(&self, names: &[&'static str]) -> Result<Option<usize>, String> {
        self.get(names)
            .map(|(name, value)| {
                value
                    .as_u64()
                    .and_then(|count| u32::try_from(count).ok())
                    .map(|count| count as usize)
                    .ok_or_else(|| not_a("size", name))
            })
            .transpose()
    }

    /// A member that is a number.
    pub(super) fn number(&self, names: &[&'static str]) -> Result<Option<f64>, String> {
        self.get(names)
            .map(|(name, value)| value.as_f64().ok_or_else(|| not_a("number", name)))
            .transpose()
    }

    /// A member that is a text.
    pub(super) fn text(&self, names: &[&'static str]) -> Result<Option<&str>, String> {
        self.get(names)
            .map(|(name, value)| value.as_str().ok_or_else(|| not_a("text", name)))
            .transpose()
    }

    /// A member that is an object.
    pub(super) fn object(&self, name: &'static str) -> Result<Option<&Map<String, Value>>, String> {
        self.get(&[name])
            .map(|(name, value)| value.as_object().ok_or_else(|| not_a("object", name)))
            .transpose()
    }

    /// A member that is a list of texts.
    pub(super) fn texts(&self, name: &'static str) -> Result<Option<Vec<&str>>, String> {
        self.get(&[name])
            .map(|(name, value)| {
                let texts = value.as_array().into_iter().flatten().map(Value::as_str);
                let texts: Option<Vec<&str>> = texts.collect();
                texts
                    .filter(|_| value.is_array())
                    .ok_or_else(|| not_a("list of texts", name))
            })
            .transpose()
    }

    /// A member that is true or false.
    pub(super) fn flag(&self, names: &[&'static str]) -> Result<Option<bool>, String> {
        self.get(names)
            .map(|(name, value)| value.as_bool().ok_or_else(|| not_a("boolean", name)))
            .transpose()
    }
}

fn required(value: Option<usize>, names: &[&str]) -> Result<usize, String> {
    value
        .filter(|size| *size > 0)
        .ok_or_else(|| format!("it has no {}", names[0]))
}

fn not_a(kind: &str, name: &str) -> String {
    format!("its member {name} is not a {kind}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(members: Value) -> Result<EncoderConfig, String> {
        let Value::Object(members) = members else {
            panic!("not an object")
        };
        EncoderConfig::from_members(members)
    }

    #[test]
    fn absent_members_have_the_defaults_of_their_model_type() {
        let bert = config(json!({"model_type": "bert", "hidden_size": 8, "vocab_size": 9}));
        let bert = bert.unwrap();
        assert_eq!((bert.pad_token_id, bert.positions()), (0, 512));
        let roberta = config(json!({
            "model_type": "roberta", "hidden_size": 8, "vocab_size": 9,
            "max_position_embeddings": 514
        }));
        let roberta = roberta.unwrap();
        assert_eq!((roberta.pad_token_id, roberta.positions()), (1, 512));
        let distil = config(json!({
            "model_type": "distilbert", "dim": 8, "n_layers": 2, "n_heads": 4,
            "activation": "relu", "vocab_size": 9
        }));
        let distil = distil.unwrap();
        assert_eq!((distil.hidden_size, distil.num_hidden_layers), (8, 2));
        assert_eq!(distil.hidden_act, "relu");
    }

    #[test]
    fn values_that_size_nothing_are_errors() {
        for (member, value) in [
            ("hidden_size", json!(0)),
            ("hidden_size", json!(-1)),
            ("hidden_size", json!(u64::MAX)),
            ("vocab_size", json!("9")),
            ("num_hidden_layers", json!(1.5)),
            ("pad_token_id", json!(i64::MAX)),
            ("pad_token_id", json!(-2)),
            ("layer_norm_eps", json!([])),
            ("hidden_act", json!(1)),
            ("model_type", json!(1)),
        ] {
            let mut members = json!({"model_type": "bert", "hidden_size": 8, "vocab_size": 9});
            members[member] = value.clone();
            assert!(config(members).is_err(), "{member} {value}");
        }
    }
}
