//! Tokenization of texts.

use std::path::Path;

use tokenizers::models::ModelWrapper;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Model};

use super::{ModelError, ModelSpec};

/// Special tokens of BERT, which are never split.
const SPECIAL_TOKENS: &[&str] = &["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Token ids of one text, truncated to the limit of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokenized {
    pub ids: Vec<u32>,
    /// Whether the text was longer than the limit.
    pub truncated: bool,
}

/// Tokenizer of a model, with its limit and prefix.
pub struct Tokenizer {
    kind: TokenizerKind,
    max_tokens: usize,
    prefix: String,
}

enum TokenizerKind {
    HuggingFace(Box<tokenizers::Tokenizer>),
    /// Hashes of words, for the deterministic backend.
    Words,
}

impl Tokenizer {
    /// Reads `tokenizer.json`, or the older `vocab.txt` of BERT models.
    ///
    /// # Errors
    /// A missing or damaged file, or one with more tokens than the vocabulary of
    /// the model (a tokenizer of another model).
    pub fn open(folder: &Path, spec: &ModelSpec) -> Result<Self, ModelError> {
        let path = folder.join("tokenizer.json");
        let mut inner = if path.is_file() {
            tokenizers::Tokenizer::from_file(&path).map_err(|e| ModelError::Corrupt {
                path: path.clone(),
                reason: e.to_string(),
            })?
        } else {
            from_vocabulary(folder)?
        };
        let highest = inner.get_vocab(true).into_values().max().unwrap_or(0) as usize;
        if highest >= spec.config.vocab_size {
            return Err(ModelError::Corrupt {
                path,
                reason: format!(
                    "it has token ids up to {highest}, but the vocabulary of the model has {}; \
                     it belongs to another model",
                    spec.config.vocab_size
                ),
            });
        }
        inner.with_padding(None);
        inner
            .with_truncation(None)
            .map_err(|e| ModelError::Corrupt {
                path,
                reason: e.to_string(),
            })?;
        Ok(Self {
            kind: TokenizerKind::HuggingFace(Box::new(inner)),
            max_tokens: spec.max_tokens,
            prefix: spec.prefix.clone(),
        })
    }

    /// Tokenizer of the deterministic backend: at most 64 hashed words.
    pub fn words() -> Self {
        Self {
            kind: TokenizerKind::Words,
            max_tokens: 64,
            prefix: String::new(),
        }
    }

    /// Token ids of `text` with special tokens, truncated to the limit.
    pub fn encode(&self, text: &str) -> Result<Tokenized, String> {
        let mut ids = self.ids(text)?;
        let truncated = ids.len() > self.max_tokens;
        if truncated {
            // The last token must be the separator.
            let last = ids.last().copied();
            ids.truncate(self.max_tokens);
            if let (TokenizerKind::HuggingFace(_), Some(last), Some(end)) =
                (&self.kind, last, ids.last_mut())
            {
                *end = last;
            }
        }
        Ok(Tokenized { ids, truncated })
    }

    /// Number of tokens of `text` without truncation, including special ones.
    pub fn count(&self, text: &str) -> Result<usize, String> {
        self.ids(text).map(|ids| ids.len())
    }

    /// Size of the vocabulary; `None` without one.
    pub fn vocab_size(&self) -> Option<usize> {
        match &self.kind {
            TokenizerKind::HuggingFace(inner) => Some(inner.get_vocab_size(true)),
            TokenizerKind::Words => None,
        }
    }

    /// Tokens of one lower-case word, without prefix and special tokens; empty if
    /// the tokenizer fails.
    pub fn word_pieces(&self, word: &str) -> Vec<u32> {
        match &self.kind {
            TokenizerKind::HuggingFace(inner) => match inner.get_model() {
                // ASCII letters need no normalization.
                ModelWrapper::WordPiece(model) if word.is_ascii() => model
                    .tokenize(word)
                    .map(|tokens| tokens.iter().map(|token| token.id).collect()),
                _ => inner
                    .encode_fast(word, false)
                    .map(|encoding| encoding.get_ids().to_vec()),
            }
            .unwrap_or_default(),
            TokenizerKind::Words => words(word),
        }
    }

    /// Input of the model for a text of one token: `token` with the prefix and
    /// the special tokens.
    pub fn single_token_input(&self, token: u32) -> Result<Vec<u32>, String> {
        let mut ids = self.ids("")?;
        let special = match &self.kind {
            TokenizerKind::HuggingFace(_) => usize::from(!ids.is_empty()),
            TokenizerKind::Words => 0,
        };
        ids.insert(ids.len() - special, token);
        Ok(ids)
    }

    fn ids(&self, text: &str) -> Result<Vec<u32>, String> {
        match &self.kind {
            TokenizerKind::HuggingFace(inner) => {
                let encoding = if self.prefix.is_empty() {
                    inner.encode_fast(text, true)
                } else {
                    inner.encode_fast(format!("{}{text}", self.prefix), true)
                };
                encoding
                    .map(|e| e.get_ids().to_vec())
                    .map_err(|e| format!("tokenizing failed: {e}"))
            }
            TokenizerKind::Words => Ok(words(text)),
        }
    }
}

/// FNV-1a of each lower-cased word; at least one id.
fn words(text: &str) -> Vec<u32> {
    let lower = text.to_lowercase();
    let ids: Vec<u32> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| {
            word.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
                (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
            })
        })
        .collect();
    if ids.is_empty() { vec![1] } else { ids }
}

/// BERT WordPiece tokenizer from `vocab.txt`.
fn from_vocabulary(folder: &Path) -> Result<tokenizers::Tokenizer, ModelError> {
    let path = folder.join("vocab.txt");
    if !path.is_file() {
        return Err(ModelError::Missing {
            what: "tokenizer.json (or vocab.txt)".to_string(),
            path: folder.to_path_buf(),
            hint: "download the tokenizer from the repository of the model".to_string(),
        });
    }
    let corrupt = |reason: String| ModelError::Corrupt {
        path: path.clone(),
        reason,
    };
    let model = WordPiece::from_file(&path.to_string_lossy())
        .unk_token("[UNK]".to_string())
        .build()
        .map_err(|e| corrupt(e.to_string()))?;
    let mut inner = tokenizers::Tokenizer::new(model);
    let id = |token: &str| {
        inner
            .token_to_id(token)
            .ok_or_else(|| corrupt(format!("it has no {token}")))
    };
    let (separator, first) = (id("[SEP]")?, id("[CLS]")?);
    let lower = super::spec::read_json::<serde_json::Value>(&folder.join("tokenizer_config.json"))?
        .and_then(|config| config["do_lower_case"].as_bool())
        .unwrap_or(true);
    inner
        .with_normalizer(Some(BertNormalizer::new(true, true, None, lower)))
        .map_err(|e| corrupt(e.to_string()))?;
    let special = SPECIAL_TOKENS
        .iter()
        .filter(|token| inner.token_to_id(token).is_some());
    let special: Vec<AddedToken> = special
        .map(|token| AddedToken::from(*token, true))
        .collect();
    inner
        .add_special_tokens(special)
        .map_err(|e| corrupt(e.to_string()))?;
    inner.with_pre_tokenizer(Some(BertPreTokenizer));
    inner.with_post_processor(Some(BertProcessing::new(
        ("[SEP]".to_string(), separator),
        ("[CLS]".to_string(), first),
    )));
    Ok(inner)
}
