//! Pooling of token vectors into one vector, and `1_Pooling/config.json`.

use std::fmt;
use std::path::Path;

use serde_json::{Map, Value};

use crate::models::ModelError;
use crate::models::json::read_json;

/// Pooling of the token vectors of a text into one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolingMode {
    /// The vector of the first token.
    Cls,
    /// The maximum of each dimension over the tokens.
    Max,
    /// The mean over the tokens.
    Mean,
    /// The sum over the tokens, divided by the root of their number.
    MeanSqrtLen,
    /// The mean, weighted by the position of each token, which starts at 1.
    WeightedMean,
    /// The vector of the last token.
    LastToken,
}

/// A mode, its name, and its flag in older configurations. The order is that in
/// which vectors are concatenated where several flags are set.
const MODES: &[(PoolingMode, &str, &str)] = &[
    (PoolingMode::Cls, "cls", "pooling_mode_cls_token"),
    (PoolingMode::Max, "max", "pooling_mode_max_tokens"),
    (PoolingMode::Mean, "mean", "pooling_mode_mean_tokens"),
    (
        PoolingMode::MeanSqrtLen,
        "mean_sqrt_len_tokens",
        "pooling_mode_mean_sqrt_len_tokens",
    ),
    (
        PoolingMode::WeightedMean,
        "weightedmean",
        "pooling_mode_weightedmean_tokens",
    ),
    (
        PoolingMode::LastToken,
        "lasttoken",
        "pooling_mode_lasttoken",
    ),
];

/// Start of the flags in older configurations.
const FLAG_PREFIX: &str = "pooling_mode_";

/// Maximum modes of one pooling. Names may repeat.
const MAX_MODES: usize = 16;

impl fmt::Display for PoolingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = MODES.iter().find(|(mode, ..)| mode == self);
        f.write_str(name.map_or("", |(_, name, _)| name))
    }
}

/// Poolings whose vectors are concatenated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pooling {
    pub modes: Vec<PoolingMode>,
    /// First tokens of each text that are left out: those of a prompt.
    pub excluded_tokens: usize,
}

impl Pooling {
    pub fn of(mode: PoolingMode) -> Self {
        Self {
            modes: vec![mode],
            excluded_tokens: 0,
        }
    }

    /// Dimensions of the pooled vector of an encoder with `hidden` dimensions.
    pub fn dims(&self, hidden: usize) -> usize {
        self.modes.len().saturating_mul(hidden)
    }
}

impl fmt::Display for Pooling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mode) in self.modes.iter().enumerate() {
            write!(f, "{}{mode}", if index == 0 { "" } else { "+" })?;
        }
        Ok(())
    }
}

/// Configuration of a Pooling module.
#[derive(Debug, PartialEq, Eq)]
pub struct PoolingConfig {
    pub modes: Vec<PoolingMode>,
    /// Whether the tokens of the prompt are pooled.
    pub include_prompt: bool,
}

impl PoolingConfig {
    /// Reads `config.json` of the module in `folder`; `None` without one.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] for an unknown mode, and
    /// [`ModelError::Corrupt`] for vectors of another size than `hidden`.
    pub fn read(folder: &Path, hidden: usize) -> Result<Option<Self>, ModelError> {
        let path = folder.join("config.json");
        let Some(members) = read_json::<Map<String, Value>>(&path)? else {
            return Ok(None);
        };
        let dims = members
            .get("word_embedding_dimension")
            .or_else(|| members.get("embedding_dimension"));
        if let Some(dims) = dims
            && dims.as_u64() != Some(hidden as u64)
        {
            return Err(ModelError::corrupt(
                &path,
                format!("it pools vectors of {dims} dimensions, but the encoder has {hidden}"),
            ));
        }
        let modes = modes(&members).map_err(|mode| ModelError::Unsupported {
            what: format!("the pooling {mode}"),
            path: path.clone(),
            hint: format!("choose a model whose pooling is of {}", names()),
        })?;
        let include_prompt = match members.get("include_prompt") {
            Some(value) => value
                .as_bool()
                .ok_or_else(|| ModelError::corrupt(&path, "include_prompt is not a boolean"))?,
            None => true,
        };
        Ok(Some(Self {
            modes,
            include_prompt,
        }))
    }
}

/// The modes of a configuration, or the one that is unknown.
fn modes(members: &Map<String, Value>) -> Result<Vec<PoolingMode>, String> {
    let modes: Vec<PoolingMode> = match members.get("pooling_mode") {
        Some(Value::Array(names)) if !names.is_empty() && names.len() <= MAX_MODES => {
            names.iter().map(named).collect::<Result<_, _>>()?
        }
        Some(name) => vec![named(name)?],
        None => {
            let unknown = members.iter().find(|(flag, value)| {
                flag.starts_with(FLAG_PREFIX)
                    && **value != Value::Bool(false)
                    && !(value.is_boolean() && MODES.iter().any(|(.., known)| known == flag))
            });
            if let Some((flag, value)) = unknown {
                return Err(format!("{flag}: {value}"));
            }
            MODES
                .iter()
                .filter(|(.., flag)| members.get(*flag) == Some(&Value::Bool(true)))
                .map(|(mode, ..)| *mode)
                .collect()
        }
    };
    Ok(if modes.is_empty() {
        vec![PoolingMode::Mean]
    } else {
        modes
    })
}

fn named(name: &Value) -> Result<PoolingMode, String> {
    MODES
        .iter()
        .find(|(_, known, _)| name.as_str() == Some(known))
        .map(|(mode, ..)| *mode)
        .ok_or_else(|| format!("mode {name}").chars().take(80).collect())
}

fn names() -> String {
    let names: Vec<&str> = MODES.iter().map(|(_, name, _)| *name).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(config: Value) -> Result<Option<PoolingConfig>, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        PoolingConfig::read(folder.path(), 32)
    }

    #[test]
    fn flags_and_names_give_the_modes_in_their_order() {
        use PoolingMode::{Cls, LastToken, Max, Mean};
        for (config, modes) in [
            (
                json!({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": true,
                       "pooling_mode_cls_token": true, "pooling_mode_max_tokens": false}),
                vec![Cls, Mean],
            ),
            (json!({"pooling_mode_lasttoken": true}), vec![LastToken]),
            (json!({"pooling_mode_cls_token": false}), vec![Mean]),
            (json!({"pooling_mode_cls_token": null}), vec![Mean]),
            (json!({"pooling_mode": "max"}), vec![Max]),
            (
                json!({"embedding_dimension": 32, "pooling_mode": ["mean", "cls"],
                       "pooling_mode_max_tokens": true}),
                vec![Mean, Cls],
            ),
        ] {
            let read = read(config.clone()).unwrap().unwrap();
            assert_eq!(read.modes, modes, "{config}");
            assert!(read.include_prompt);
        }
        assert!(
            !read(json!({"include_prompt": false}))
                .unwrap()
                .unwrap()
                .include_prompt
        );
        let none = tempfile::tempdir().unwrap();
        assert_eq!(PoolingConfig::read(none.path(), 32).unwrap(), None);
    }

    #[test]
    fn unknown_modes_and_other_sizes_are_refused() {
        for config in [
            json!({"pooling_mode_median": true}),
            json!({"pooling_mode_cls_token": 1}),
            json!({"pooling_mode": "median"}),
            json!({"pooling_mode": ["mean", 7]}),
            json!({"pooling_mode": []}),
            json!({"pooling_mode": vec!["mean"; 99]}),
            json!({"word_embedding_dimension": 31}),
            json!({"embedding_dimension": "32"}),
            json!({"include_prompt": "no"}),
            json!([]),
        ] {
            let error = read(config.clone()).unwrap_err().to_string();
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_pooling_shows_its_modes() {
        let pooling = Pooling {
            modes: vec![PoolingMode::Cls, PoolingMode::Mean],
            excluded_tokens: 0,
        };
        assert_eq!(pooling.to_string(), "cls+mean");
        assert_eq!(pooling.dims(32), 64);
    }
}
