//! BERT's WordPiece tokenizer from `vocab.txt`.

use std::path::Path;

use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;
use tokenizers::{AddedToken, Tokenizer};

use crate::models::ModelError;
use crate::models::sentence_transformers::TextSettings;

/// Special tokens of BERT, which are never split.
const SPECIAL_TOKENS: &[&str] = &["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// Reads the tokenizer of `folder`, with the options of `text`.
///
/// # Errors
/// A missing or damaged file.
pub(super) fn open(folder: &Path, text: &TextSettings) -> Result<Tokenizer, ModelError> {
    let path = folder.join("vocab.txt");
    if !path.is_file() {
        return Err(ModelError::Missing {
            what: "tokenizer.json or vocab.txt".to_string(),
            path: folder.to_path_buf(),
            hint: "download the tokenizer from the repository of the model".to_string(),
        });
    }
    let corrupt = |reason: String| ModelError::corrupt(&path, reason);
    let model = WordPiece::from_file(&path.to_string_lossy())
        .unk_token("[UNK]".to_string())
        .build()
        .map_err(|e| corrupt(e.to_string()))?;
    let mut inner = Tokenizer::new(model);
    let id = |token: &str| {
        inner
            .token_to_id(token)
            .ok_or_else(|| corrupt(format!("it has no {token}")))
    };
    let (separator, first) = (id("[SEP]")?, id("[CLS]")?);
    inner
        .with_normalizer(Some(BertNormalizer::new(
            true,
            text.tokenize_chinese_chars.unwrap_or(true),
            text.strip_accents,
            text.tokenizer_lower_case.unwrap_or(true),
        )))
        .map_err(|e| corrupt(e.to_string()))?;
    let known = |token: &&str| inner.token_to_id(token).is_some();
    let special: Vec<AddedToken> = SPECIAL_TOKENS
        .iter()
        .copied()
        .filter(known)
        .map(|token| AddedToken::from(token, true))
        .collect();
    let whole: Vec<AddedToken> = text
        .never_split
        .iter()
        .map(String::as_str)
        .filter(known)
        .map(|token| {
            AddedToken::from(token, false)
                .normalized(false)
                .single_word(true)
        })
        .collect();
    inner
        .add_special_tokens(special)
        .and_then(|_| inner.add_tokens(whole))
        .map_err(|e| corrupt(e.to_string()))?;
    inner.with_pre_tokenizer(Some(BertPreTokenizer));
    inner.with_post_processor(Some(BertProcessing::new(
        ("[SEP]".to_string(), separator),
        ("[CLS]".to_string(), first),
    )));
    Ok(inner)
}
