//! Parameters of a model, from the files of its folder and the catalogue.

use std::path::{Path, PathBuf};

use super::ModelError;
use super::catalogue::{Languages, ModelEntry};
use super::config::EncoderConfig;
use super::sentence_transformers::{
    HeadModule, ModuleKind, Pooling, PoolingConfig, PoolingMode, SentenceSettings, TextSettings,
    read_modules,
};
use super::tokenizer::{Tokenizer, TokenizerOptions};

/// Folder of the pooling in a model without `modules.json`.
const POOLING_FOLDER: &str = "1_Pooling";

/// Maximum tokens of a text where neither folder nor catalogue has a limit and
/// the encoder has no position table.
const DEFAULT_MAX_TOKENS: usize = 512;

/// Tokens of the vocabulary of `bert-base-uncased`, which is English and which most
/// English encoders share.
const ENGLISH_VOCABULARY: usize = 30_522;

/// Parameters of a model, from its folder and the catalogue.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// Values in one vector.
    pub dims: usize,
    pub pooling: Pooling,
    /// Modules after the pooling, in their order.
    pub head: Vec<HeadModule>,
    /// Values that are kept of each vector, where the publisher truncates.
    pub truncate_dim: Option<usize>,
    /// Whether the folder or the catalogue has the pooling; else it is assumed.
    pub known_pooling: bool,
    /// Maximum tokens of a text, including special ones.
    pub max_tokens: usize,
    /// Prefix of every text.
    pub prefix: String,
    /// Languages of the model, by catalogue or vocabulary; `None` if they are unknown.
    pub languages: Option<Languages>,
    pub text: TextSettings,
    /// Folder of encoder and tokenizer, relative to the model's.
    pub encoder: PathBuf,
    pub config: EncoderConfig,
}

impl ModelSpec {
    /// The pooling, if the vector of a text is the direction of the mean of its token
    /// vectors or of the first one; `None` for others, and with further modules.
    pub fn direct_pooling(&self) -> Option<PoolingMode> {
        let only_direction = self
            .head
            .iter()
            .all(|module| matches!(module, HeadModule::Normalize));
        match self.pooling.modes.as_slice() {
            [mode @ (PoolingMode::Mean | PoolingMode::Cls)]
                if only_direction && self.pooling.excluded_tokens == 0 =>
            {
                Some(*mode)
            }
            _ => None,
        }
    }

    /// Reads the configuration files of `folder`. The entry of the catalogue gives
    /// the values that the folder lacks.
    ///
    /// # Errors
    /// Missing or damaged files, or a part that is not supported.
    pub fn read(folder: &Path, entry: Option<&ModelEntry>) -> Result<Self, ModelError> {
        let modules = read_modules(folder)?;
        let path_of = |kind| {
            let module = modules.iter().flatten().find(|module| module.kind == kind);
            module.map(|module| module.path.clone())
        };
        let encoder = path_of(ModuleKind::Transformer).unwrap_or_default();
        let config = EncoderConfig::read(&folder.join(&encoder))?;
        let text = TextSettings::read(&folder.join(&encoder))?;
        let settings = SentenceSettings::read(folder)?;
        let listed = path_of(ModuleKind::Pooling);
        let pooling_folder = folder.join(listed.as_deref().unwrap_or(Path::new(POOLING_FOLDER)));
        let pooling = PoolingConfig::read(&pooling_folder, config.hidden_size)?;
        if let (None, true) = (&pooling, listed.is_some()) {
            return Err(ModelError::Missing {
                what: "the configuration of the Pooling module in modules.json".to_string(),
                path: pooling_folder.join("config.json"),
                hint: "copy or download all folders of the model".to_string(),
            });
        }
        let known_pooling = pooling.is_some() || entry.is_some();
        let include_prompt = pooling
            .as_ref()
            .is_none_or(|pooling| pooling.include_prompt);
        let modes = match (pooling, entry) {
            (Some(pooling), _) => pooling.modes,
            (None, Some(entry)) => vec![entry.pooling],
            (None, None) => vec![PoolingMode::Mean],
        };
        let pooling = Pooling {
            modes,
            excluded_tokens: 0,
        };
        let head = modules
            .iter()
            .flatten()
            .filter_map(|module| HeadModule::read(folder, module).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let dims = output_dims(&pooling, &config, &head)
            .map_err(|reason| ModelError::corrupt(folder.join("modules.json"), reason))?;
        let positions = match config.positions() {
            0 => DEFAULT_MAX_TOKENS,
            positions => positions,
        };
        // As in sentence-transformers, the limit of the module precedes the
        // tokenizer's.
        let max_tokens = text
            .max_seq_length
            .or(entry.map(|entry| entry.max_tokens))
            .or(text.model_max_length)
            .unwrap_or(positions)
            .min(positions);
        let mut spec = Self {
            dims: settings.truncate_dim.unwrap_or(dims).min(dims),
            pooling,
            head,
            truncate_dim: settings.truncate_dim.filter(|kept| *kept < dims),
            known_pooling,
            max_tokens,
            prefix: settings
                .default_prompt
                .or(entry.map(|entry| entry.prefix.to_string()))
                .unwrap_or_default(),
            languages: entry.map(|entry| entry.languages).or_else(|| {
                (config.vocab_size == ENGLISH_VOCABULARY).then_some(Languages::English)
            }),
            text,
            encoder,
            config,
        };
        if !include_prompt && !spec.prefix.is_empty() {
            let tokenizer = Tokenizer::open(&spec.tokenizer_options(&folder.join(&spec.encoder)))?;
            spec.pooling.excluded_tokens = tokenizer.prefix_tokens().map_err(|reason| {
                ModelError::corrupt(folder.join("config_sentence_transformers.json"), reason)
            })?;
        }
        Ok(spec)
    }

    /// Whether a published graph must return token vectors. The vector of a text
    /// may lack modules that change it and keep its dimensions.
    pub fn needs_token_vectors(&self) -> bool {
        let changes = |module: &HeadModule| *module != HeadModule::Normalize;
        self.head.iter().any(changes)
            || self.pooling.excluded_tokens > 0
            || self.truncate_dim.is_some()
    }

    /// Opens the tokenizer of the model in `folder`.
    ///
    /// # Errors
    /// Those of [`Tokenizer::open`].
    pub fn open_tokenizer(&self, folder: &Path) -> Result<Tokenizer, ModelError> {
        Tokenizer::open(&self.tokenizer_options(&folder.join(&self.encoder)))
    }

    fn tokenizer_options<'a>(&'a self, folder: &'a Path) -> TokenizerOptions<'a> {
        TokenizerOptions {
            folder,
            vocab_size: self.config.vocab_size,
            max_tokens: self.max_tokens,
            prefix: &self.prefix,
            text: &self.text,
        }
    }
}

/// Dimensions after all modules, or which of them do not fit.
fn output_dims(
    pooling: &Pooling,
    config: &EncoderConfig,
    head: &[HeadModule],
) -> Result<usize, String> {
    head.iter()
        .try_fold(pooling.dims(config.hidden_size), |dims, module| {
            module.output_dims(dims).map_err(|needed| {
                format!("a module needs {needed} dimensions, but the one before it has {dims}")
            })
        })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::{Value, json};

    use super::*;
    use crate::models::catalogue;

    /// A model folder with these files, besides a `config.json` of 8 dimensions.
    fn folder(files: &[(&str, Value)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let config = json!({
            "model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1,
            "num_attention_heads": 2, "vocab_size": 9, "max_position_embeddings": 40
        });
        let all = std::iter::once(&("config.json", config))
            .chain(files)
            .cloned()
            .collect::<Vec<_>>();
        for (name, value) in all {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, value.to_string()).unwrap();
        }
        folder
    }

    fn modules(modules: &[(&str, &str)]) -> (&'static str, Value) {
        let entries = modules.iter().map(|(path, kind)| {
            json!({"path": path, "type": format!("sentence_transformers.models.{kind}")})
        });
        ("modules.json", entries.collect())
    }

    const START: [(&str, &str); 2] = [("", "Transformer"), ("1_Pooling", "Pooling")];

    #[test]
    fn a_folder_without_settings_has_mean_pooling_and_all_positions() {
        let spec = ModelSpec::read(folder(&[]).path(), None).unwrap();
        assert_eq!((spec.dims, spec.max_tokens), (8, 40));
        assert_eq!(spec.pooling.to_string(), "mean");
        assert!(!spec.known_pooling);
        assert_eq!(spec.languages, None);
    }

    #[test]
    fn languages_follow_catalogue_and_vocabulary() {
        let config = |vocab_size: usize| {
            json!({"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1,
                   "num_attention_heads": 2, "vocab_size": vocab_size, "max_position_embeddings": 40})
        };
        let languages = |vocab_size, name| {
            let folder = folder(&[("config.json", config(vocab_size))]);
            let entry = catalogue::find(name);
            ModelSpec::read(folder.path(), entry).unwrap().languages
        };
        assert_eq!(languages(9, "all-minilm-l6-v2"), Some(Languages::English));
        assert_eq!(
            languages(30_522, "multilingual-e5-small"),
            Some(Languages::Many)
        );
        assert_eq!(languages(30_522, "mine"), Some(Languages::English));
        assert_eq!(languages(250_002, "mine"), None);
    }

    #[test]
    fn dimensions_follow_pooling_dense_and_truncation() {
        let files = [
            modules(&[START[0], START[1], ("2_Dense", "Dense"), ("", "Normalize")]),
            (
                "1_Pooling/config.json",
                json!({"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}),
            ),
            (
                "2_Dense/config.json",
                json!({"in_features": 16, "out_features": 5}),
            ),
            (
                "config_sentence_transformers.json",
                json!({"truncate_dim": 3}),
            ),
        ];
        let spec = ModelSpec::read(folder(&files).path(), None).unwrap();
        assert_eq!((spec.dims, spec.truncate_dim), (3, Some(3)));
        assert_eq!(spec.head.len(), 2);
        assert!(spec.known_pooling);
        // Without one of the poolings, the Dense module does not fit.
        let mut other = files;
        other[1].1 = json!({"pooling_mode_cls_token": true});
        let error = ModelSpec::read(folder(&other).path(), None).unwrap_err();
        assert!(error.to_string().contains("needs 16 dimensions"), "{error}");
    }

    #[test]
    fn listed_modules_must_exist() {
        for files in [
            vec![modules(&START)],
            vec![
                modules(&[START[0], START[1], ("2_Dense", "Dense")]),
                ("1_Pooling/config.json", json!({})),
            ],
            vec![modules(&[("0_Transformer", "Transformer"), START[1]])],
        ] {
            let error = ModelSpec::read(folder(&files).path(), None).unwrap_err();
            assert!(matches!(error, ModelError::Missing { .. }), "{error}");
        }
    }

    #[test]
    fn damaged_files_are_errors_or_harmless() {
        use crate::mutations;
        use crate::random::Random;

        let files = [
            modules(&[START[0], START[1], ("2_Dense", "Dense")]),
            (
                "1_Pooling/config.json",
                json!({"word_embedding_dimension": 8, "pooling_mode_max_tokens": true}),
            ),
            (
                "2_Dense/config.json",
                json!({"in_features": 8, "out_features": 5, "use_residual": false}),
            ),
            (
                "config_sentence_transformers.json",
                json!({"prompts": {"q": "x: "}, "default_prompt_name": "q", "truncate_dim": 3}),
            ),
            ("sentence_bert_config.json", json!({"max_seq_length": 16})),
            ("tokenizer_config.json", json!({"model_max_length": 32})),
        ];
        let folder = folder(&files);
        assert_eq!(ModelSpec::read(folder.path(), None).unwrap().dims, 3);
        let mut random = Random::new(7);
        for case in 0..mutations::cases(300) {
            let (name, value) = &files[case % files.len()];
            let path = folder.path().join(name);
            let mut bytes = value.to_string().into_bytes();
            mutations::mutate(&mut bytes, &mut random);
            fs::write(&path, &bytes).unwrap();
            match ModelSpec::read(folder.path(), None) {
                Ok(spec) => assert!(spec.dims > 0 && spec.max_tokens > 0, "{spec:?}"),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
            fs::write(&path, value.to_string()).unwrap();
        }
    }
}
