//! Settings of texts: limits, lower case and options of the tokenizer, from
//! `sentence_bert_config.json` and `tokenizer_config.json`.

use std::path::Path;

use serde::Deserialize;

use crate::models::ModelError;
use crate::models::json::read_json;

/// Names of the configuration of a Transformer module. The first that exists
/// counts.
pub(in crate::models) const TRANSFORMER_CONFIGS: &[&str] = &[
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// Task of an encoder of texts.
const FEATURE_EXTRACTION: &str = "feature-extraction";

/// End of a text that is cut where the text is too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TruncationSide {
    Left,
    #[default]
    Right,
}

/// Settings of the texts of a Transformer module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextSettings {
    /// Maximum tokens of a text in the configuration of the module.
    pub max_seq_length: Option<usize>,
    /// Maximum tokens of a text in the configuration of the tokenizer, which
    /// applies without that of the module.
    pub model_max_length: Option<usize>,
    /// Whether texts are put into lower case before the tokenizer.
    pub lower_case: bool,
    /// `None` where `tokenizer.json` decides.
    pub truncation_side: Option<TruncationSide>,
    /// Options of BERT's tokenizer; `None` where `tokenizer.json` decides.
    pub tokenizer_lower_case: Option<bool>,
    pub strip_accents: Option<bool>,
    pub tokenize_chinese_chars: Option<bool>,
    /// Tokens that are never split or changed.
    pub never_split: Vec<String>,
}

#[derive(Default, Deserialize)]
struct TransformerConfig {
    max_seq_length: Option<f64>,
    #[serde(default)]
    do_lower_case: bool,
    transformer_task: Option<String>,
}

#[derive(Default, Deserialize)]
struct TokenizerConfig {
    model_max_length: Option<f64>,
    do_lower_case: Option<bool>,
    strip_accents: Option<bool>,
    tokenize_chinese_chars: Option<bool>,
    #[serde(default)]
    never_split: Vec<String>,
    truncation_side: Option<String>,
}

impl TextSettings {
    /// Reads the settings of the Transformer module in `folder`.
    ///
    /// # Errors
    /// A damaged file, or an unsupported option.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let mut module = TransformerConfig::default();
        for name in TRANSFORMER_CONFIGS {
            let path = folder.join(name);
            if let Some(config) = read_json::<TransformerConfig>(&path)? {
                if let Some(task) = &config.transformer_task
                    && task != FEATURE_EXTRACTION
                {
                    return Err(ModelError::Unsupported {
                        what: format!("the transformer_task {task:.80?}"),
                        path,
                        hint: format!("choose a model for {FEATURE_EXTRACTION}"),
                    });
                }
                module = config;
                break;
            }
        }
        let path = folder.join("tokenizer_config.json");
        let tokenizer: TokenizerConfig = read_json(&path)?.unwrap_or_default();
        let truncation_side = match tokenizer.truncation_side.as_deref() {
            None => None,
            Some("left") => Some(TruncationSide::Left),
            Some("right") => Some(TruncationSide::Right),
            Some(_) => {
                return Err(ModelError::corrupt(
                    path,
                    "truncation_side is neither left nor right",
                ));
            }
        };
        Ok(Self {
            max_seq_length: limit(module.max_seq_length),
            model_max_length: limit(tokenizer.model_max_length),
            lower_case: module.do_lower_case,
            truncation_side,
            tokenizer_lower_case: tokenizer.do_lower_case,
            strip_accents: tokenizer.strip_accents,
            tokenize_chinese_chars: tokenizer.tokenize_chinese_chars,
            never_split: tokenizer.never_split,
        })
    }
}

/// A number of tokens. transformers writes 1e30 where a tokenizer has no limit.
fn limit(tokens: Option<f64>) -> Option<usize> {
    tokens
        .filter(|tokens| (1.0..=f64::from(u32::MAX)).contains(tokens))
        .map(|tokens| tokens as usize)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(files: &[(&str, &str)]) -> Result<TextSettings, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        TextSettings::read(folder.path())
    }

    #[test]
    fn limits_that_are_none_are_absent() {
        let limits = |module: &str, tokenizer: &str| {
            let settings = read(&[
                ("sentence_bert_config.json", module),
                ("tokenizer_config.json", tokenizer),
            ])
            .unwrap();
            (settings.max_seq_length, settings.model_max_length)
        };
        let unset = r#"{"model_max_length": 1000000000000000019884624838656}"#;
        let short = r#"{"model_max_length": 16}"#;
        assert_eq!(
            limits(r#"{"max_seq_length": 64}"#, short),
            (Some(64), Some(16))
        );
        assert_eq!(limits(r#"{"max_seq_length": null}"#, unset), (None, None));
        let negative = r#"{"model_max_length": -1}"#;
        assert_eq!(limits(r#"{"max_seq_length": 0}"#, negative), (None, None));
        assert_eq!(read(&[]).unwrap(), TextSettings::default());
    }

    #[test]
    fn options_are_read_from_either_file() {
        let settings = read(&[
            ("sentence_roberta_config.json", r#"{"do_lower_case": true}"#),
            (
                "tokenizer_config.json",
                r#"{"do_lower_case": false, "strip_accents": null,
                    "truncation_side": "left", "never_split": ["SKU"]}"#,
            ),
        ]);
        let settings = settings.unwrap();
        assert!(settings.lower_case);
        assert_eq!(settings.tokenizer_lower_case, Some(false));
        assert_eq!(settings.strip_accents, None);
        assert_eq!(settings.truncation_side, Some(TruncationSide::Left));
        assert_eq!(settings.never_split, ["SKU"]);
    }

    #[test]
    fn other_tasks_and_types_are_errors() {
        for (name, text) in [
            (
                "sentence_bert_config.json",
                r#"{"transformer_task": "fill-mask"}"#,
            ),
            ("sentence_bert_config.json", r#"{"do_lower_case": "yes"}"#),
            ("tokenizer_config.json", r#"{"truncation_side": "middle"}"#),
            ("tokenizer_config.json", r#"{"model_max_length": "512"}"#),
            ("tokenizer_config.json", "[]"),
        ] {
            assert!(read(&[(name, text)]).is_err(), "{text}");
        }
    }
}
