//! `config_sentence_transformers.json`: prompts and the truncation of vectors.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::models::ModelError;
use crate::models::json::read_json;

/// Model type of an encoder of texts into one vector.
const SENTENCE_TRANSFORMER: &str = "SentenceTransformer";

/// Maximum bytes of a prompt. A prompt of a large language model has 500.
const MAX_PROMPT_BYTES: usize = 64 << 10;

/// Settings of a whole model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentenceSettings {
    /// Text before every text, where the model has a default prompt.
    pub default_prompt: Option<String>,
    /// Dimensions that are kept of each vector.
    pub truncate_dim: Option<usize>,
}

#[derive(Deserialize)]
struct SentenceConfig {
    #[serde(default)]
    prompts: BTreeMap<String, String>,
    default_prompt_name: Option<String>,
    truncate_dim: Option<usize>,
    model_type: Option<String>,
}

impl SentenceSettings {
    /// Reads `config_sentence_transformers.json` of `folder`, if there is one.
    ///
    /// # Errors
    /// [`ModelError::Unsupported`] for a model of another type, and
    /// [`ModelError::Corrupt`].
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join("config_sentence_transformers.json");
        let Some(mut config) = read_json::<SentenceConfig>(&path)? else {
            return Ok(Self::default());
        };
        if let Some(model_type) = config.model_type.filter(|t| t != SENTENCE_TRANSFORMER) {
            return Err(ModelError::Unsupported {
                what: format!("the model type {model_type:.80?}"),
                path,
                hint: format!("choose a model of the type {SENTENCE_TRANSFORMER}"),
            });
        }
        let default_prompt = match &config.default_prompt_name {
            // A prompt without a text is empty. Null members were removed.
            Some(name) if !name.is_empty() => {
                Some(config.prompts.remove(name).ok_or_else(|| {
                    ModelError::corrupt(
                        &path,
                        format!("its prompts lack the default prompt {name:.80?}"),
                    )
                })?)
            }
            _ => None,
        };
        if default_prompt
            .as_ref()
            .is_some_and(|prompt| prompt.len() > MAX_PROMPT_BYTES)
        {
            return Err(ModelError::corrupt(&path, "its default prompt is too long"));
        }
        if config.truncate_dim == Some(0) {
            return Err(ModelError::corrupt(&path, "truncate_dim is 0"));
        }
        Ok(Self {
            default_prompt,
            truncate_dim: config.truncate_dim,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(config: Value) -> Result<SentenceSettings, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config_sentence_transformers.json");
        std::fs::write(path, config.to_string()).unwrap();
        SentenceSettings::read(folder.path())
    }

    #[test]
    fn only_a_default_prompt_is_applied() {
        let prompts = json!({"query": "query: ", "document": ""});
        let none = read(json!({"prompts": prompts, "default_prompt_name": null}));
        assert_eq!(none.unwrap(), SentenceSettings::default());
        let query = read(json!({"prompts": prompts, "default_prompt_name": "query",
                                "truncate_dim": 4, "model_type": "SentenceTransformer"}));
        let query = query.unwrap();
        assert_eq!(query.default_prompt.as_deref(), Some("query: "));
        assert_eq!(query.truncate_dim, Some(4));
        let absent = tempfile::tempdir().unwrap();
        assert!(SentenceSettings::read(absent.path()).is_ok());
    }

    #[test]
    fn other_model_types_and_missing_prompts_are_refused() {
        for config in [
            json!({"default_prompt_name": "query"}),
            json!({"prompts": {"query": "x".repeat(1 << 20)}, "default_prompt_name": "query"}),
            json!({"prompts": ["query: "]}),
            json!({"truncate_dim": 0}),
            json!({"truncate_dim": -1}),
            json!({"model_type": "SparseEncoder"}),
            json!({"model_type": "CrossEncoder\nx"}),
        ] {
            let error = read(config).unwrap_err().to_string();
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
