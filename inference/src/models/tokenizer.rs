//! Tokenization of texts.

mod excerpt;
mod options;
mod vocabulary;

use std::path::Path;

use excerpt::excerpts;
use tokenizers::models::ModelWrapper;
use tokenizers::{Model, TruncationDirection};

use super::ModelError;
use super::sentence_transformers::{TextSettings, TruncationSide};

/// What a tokenizer depends on besides its own files.
pub struct TokenizerOptions<'a> {
    /// Folder of the tokenizer.
    pub folder: &'a Path,
    /// Token ids of the model.
    pub vocab_size: usize,
    /// Maximum tokens of a text, including special ones.
    pub max_tokens: usize,
    /// Text before every text.
    pub prefix: &'a str,
    pub text: &'a TextSettings,
}

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
    side: TruncationSide,
    prefix: String,
}

enum TokenizerKind {
    HuggingFace(Box<tokenizers::Tokenizer>),
    /// Hashes of words, for the deterministic backend.
    Words,
}

/// Token ids of a text, and how many special tokens are around it.
struct TextTokens {
    ids: Vec<u32>,
    leading: usize,
    trailing: usize,
}

impl Tokenizer {
    /// Reads `tokenizer.json`, or the older `vocab.txt` of BERT models. A limit or
    /// padding in `tokenizer.json` does not apply: the options have the limit.
    ///
    /// # Errors
    /// A missing or damaged file, or one with more tokens than the vocabulary of
    /// the model (a tokenizer of another model).
    pub fn open(options: &TokenizerOptions<'_>) -> Result<Self, ModelError> {
        let (folder, text) = (options.folder, options.text);
        let path = folder.join("tokenizer.json");
        let corrupt = |e: tokenizers::Error| ModelError::corrupt(&path, e.to_string());
        let mut inner = if path.is_file() {
            let mut inner = tokenizers::Tokenizer::from_file(&path).map_err(corrupt)?;
            options::apply_bert_options(&mut inner, text).map_err(corrupt)?;
            inner
        } else {
            vocabulary::open(folder, text)?
        };
        if text.lower_case {
            options::lower_texts(&mut inner).map_err(corrupt)?;
        }
        let highest = inner.get_vocab(true).into_values().max().unwrap_or(0) as usize;
        if highest >= options.vocab_size {
            return Err(ModelError::corrupt(
                path,
                format!(
                    "it has token ids up to {highest}, but the vocabulary of the model has {}; \
                     it belongs to another model",
                    options.vocab_size
                ),
            ));
        }
        let stored = inner.get_truncation().map(|t| match t.direction {
            TruncationDirection::Left => TruncationSide::Left,
            TruncationDirection::Right => TruncationSide::Right,
        });
        inner.with_padding(None);
        inner.with_truncation(None).map_err(corrupt)?;
        Ok(Self {
            kind: TokenizerKind::HuggingFace(Box::new(inner)),
            max_tokens: options.max_tokens,
            side: text.truncation_side.or(stored).unwrap_or_default(),
            prefix: options.prefix.to_string(),
        })
    }

    /// Tokenizer of the deterministic backend: at most 64 hashed words.
    pub fn words() -> Self {
        Self {
            kind: TokenizerKind::Words,
            max_tokens: 64,
            side: TruncationSide::Right,
            prefix: String::new(),
        }
    }

    /// Token ids of `text` with special tokens, truncated to the limit. The special
    /// tokens around a text are kept. Only as much of a long text is read as the
    /// tokens within the limit need.
    pub fn encode(&self, text: &str) -> Result<Tokenized, String> {
        // Left truncation can cut the prefix, so more tokens have to follow it.
        let limit = match self.side {
            TruncationSide::Left => self.max_tokens + self.prefix.len(),
            TruncationSide::Right => self.max_tokens,
        };
        let mut shorter: Option<Tokenized> = None;
        for excerpt in excerpts(text, limit, self.side) {
            let tokens = self.tokens(excerpt.text)?;
            if tokens.ids.len() <= limit {
                continue;
            }
            let tokenized = self.truncate(tokens);
            if excerpt.at_space || shorter.as_ref() == Some(&tokenized) {
                return Ok(tokenized);
            }
            shorter = Some(tokenized);
        }
        self.encode_whole(text)
    }

    /// [`encode`](Self::encode) that reads all of `text`.
    fn encode_whole(&self, text: &str) -> Result<Tokenized, String> {
        self.tokens(text).map(|tokens| self.truncate(tokens))
    }

    fn truncate(&self, tokens: TextTokens) -> Tokenized {
        let TextTokens {
            mut ids,
            leading,
            trailing,
        } = tokens;
        let truncated = ids.len() > self.max_tokens;
        if truncated {
            let excess = ids.len() - self.max_tokens;
            let start = match self.side {
                TruncationSide::Left => leading,
                TruncationSide::Right => ids.len().saturating_sub(trailing + excess),
            };
            let start = start.min(self.max_tokens);
            ids.drain(start..start + excess);
        }
        Tokenized { ids, truncated }
    }

    /// Number of tokens of `text` without truncation, including special ones.
    pub fn count(&self, text: &str) -> Result<usize, String> {
        self.tokens(text).map(|tokens| tokens.ids.len())
    }

    /// Tokens of the prefix with the special tokens before it.
    pub fn prefix_tokens(&self) -> Result<usize, String> {
        let tokens = self.tokens("")?;
        Ok(tokens.ids.len() - tokens.trailing)
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
        let TextTokens {
            mut ids, trailing, ..
        } = self.tokens("")?;
        ids.insert(ids.len() - trailing, token);
        Ok(ids)
    }

    fn tokens(&self, text: &str) -> Result<TextTokens, String> {
        match &self.kind {
            TokenizerKind::HuggingFace(inner) => {
                let encoding = if self.prefix.is_empty() {
                    inner.encode_fast(text, true)
                } else {
                    inner.encode_fast(format!("{}{text}", self.prefix), true)
                };
                let encoding = encoding.map_err(|e| format!("tokenizing failed: {e}"))?;
                let special = encoding.get_special_tokens_mask();
                let is_special = |mask: &&u32| **mask == 1;
                let leading = special.iter().take_while(is_special).count();
                let rest = special[leading..].iter().rev();
                Ok(TextTokens {
                    leading,
                    trailing: rest.take_while(is_special).count(),
                    ids: encoding.get_ids().to_vec(),
                })
            }
            TokenizerKind::Words => Ok(TextTokens {
                ids: words(text),
                leading: 0,
                trailing: 0,
            }),
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

#[cfg(test)]
mod tests;
