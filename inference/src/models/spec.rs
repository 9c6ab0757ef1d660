//! Configuration of a model folder in the sentence-transformers layout.

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::catalogue::ModelEntry;
use super::{ModelError, Pooling};

/// Parameters of a model, from its folder and the catalogue.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    pub dims: usize,
    pub pooling: Pooling,
    /// Maximum tokens of a text, including special ones.
    pub max_tokens: usize,
    /// Prefix of every text.
    pub prefix: String,
    pub config: BertConfig,
}

/// The part of `config.json` that the graph depends on.
#[derive(Clone, Debug, Deserialize)]
pub struct BertConfig {
    pub model_type: String,
    pub hidden_size: usize,
    pub num_hidden_layers: usize,
    pub num_attention_heads: usize,
    #[serde(default = "gelu")]
    pub hidden_act: String,
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f32,
    pub max_position_embeddings: usize,
    pub vocab_size: usize,
    #[serde(default)]
    pub pad_token_id: i64,
    #[serde(default = "absolute")]
    pub position_embedding_type: String,
}

fn gelu() -> String {
    "gelu".to_string()
}

fn absolute() -> String {
    "absolute".to_string()
}

fn epsilon() -> f32 {
    1e-12
}

impl BertConfig {
    /// Index of the first position. RoBERTa starts after the padding id.
    pub fn first_position(&self) -> usize {
        if self.model_type == "bert" {
            0
        } else {
            self.pad_token_id.max(0) as usize + 1
        }
    }

    /// Maximum tokens of a text in the position table.
    fn positions(&self) -> usize {
        self.max_position_embeddings
            .saturating_sub(self.first_position())
    }
}

#[derive(Deserialize)]
struct PoolingConfig {
    #[serde(default)]
    pooling_mode_cls_token: bool,
    #[serde(default)]
    pooling_mode_mean_tokens: bool,
}

#[derive(Deserialize)]
struct SentenceConfig {
    max_seq_length: Option<usize>,
}

impl ModelSpec {
    /// Reads `config.json`, `1_Pooling/config.json` and
    /// `sentence_bert_config.json` of `folder`. The entry of the catalogue gives
    /// the values that the folder lacks.
    ///
    /// # Errors
    /// A missing or damaged `config.json`, or an unsupported pooling.
    pub fn read(folder: &Path, entry: Option<&ModelEntry>) -> Result<Self, ModelError> {
        let config: BertConfig =
            read_json(&folder.join("config.json"))?.ok_or_else(|| ModelError::Missing {
                what: "config.json".to_string(),
                path: folder.to_path_buf(),
                hint: "a model folder has config.json, tokenizer.json and its weights".to_string(),
            })?;
        let pooling = match (
            read_json::<PoolingConfig>(&folder.join("1_Pooling/config.json"))?,
            entry,
        ) {
            (Some(p), _) if p.pooling_mode_mean_tokens => Pooling::Mean,
            (Some(p), _) if p.pooling_mode_cls_token => Pooling::Cls,
            (Some(_), _) => {
                return Err(ModelError::Unsupported {
                    what: "a pooling that is neither mean nor cls".to_string(),
                    path: folder.join("1_Pooling/config.json"),
                    hint: "choose a model with mean or first-token pooling".to_string(),
                });
            }
            (None, Some(entry)) => entry.pooling,
            (None, None) => Pooling::Mean,
        };
        let max_seq_length =
            read_json::<SentenceConfig>(&folder.join("sentence_bert_config.json"))?
                .and_then(|sentence| sentence.max_seq_length);
        let max_tokens = max_seq_length
            .or(entry.map(|entry| entry.max_tokens))
            .unwrap_or(512)
            .min(config.positions());
        Ok(Self {
            dims: config.hidden_size,
            pooling,
            max_tokens,
            prefix: entry
                .map(|entry| entry.prefix)
                .unwrap_or_default()
                .to_string(),
            config,
        })
    }
}

/// Parses a JSON file; `None` if it does not exist.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ModelError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(ModelError::Io {
                path: path.to_path_buf(),
                source,
            });
        }
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|e| ModelError::Corrupt {
            path: path.to_path_buf(),
            reason: e.to_string(),
        })
}
