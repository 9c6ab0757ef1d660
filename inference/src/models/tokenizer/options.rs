//! Options of a model folder that change a tokenizer read from `tokenizer.json`.

use tokenizers::Tokenizer;
use tokenizers::normalizers::{Lowercase, NormalizerWrapper, Sequence};

use crate::models::sentence_transformers::TextSettings;

/// Applies the options of `text` that `tokenizer_config.json` has for BERT's
/// normalizer, as transformers does.
pub(super) fn apply_bert_options(
    tokenizer: &mut Tokenizer,
    text: &TextSettings,
) -> tokenizers::Result<()> {
    let (lower, accents, chinese) = (
        text.tokenizer_lower_case,
        text.strip_accents,
        text.tokenize_chinese_chars,
    );
    let Some(NormalizerWrapper::BertNormalizer(normalizer)) = tokenizer.get_normalizer() else {
        return Ok(());
    };
    let mut changed = *normalizer;
    changed.lowercase = lower.unwrap_or(changed.lowercase);
    changed.handle_chinese_chars = chinese.unwrap_or(changed.handle_chinese_chars);
    changed.strip_accents = accents.or(changed.strip_accents);
    tokenizer.with_normalizer(Some(changed))?;
    Ok(())
}

/// Puts texts into lower case before all other changes.
pub(super) fn lower_texts(tokenizer: &mut Tokenizer) -> tokenizers::Result<()> {
    let mut normalizers = vec![NormalizerWrapper::Lowercase(Lowercase)];
    normalizers.extend(tokenizer.get_normalizer().cloned());
    tokenizer.with_normalizer(Some(Sequence::new(normalizers)))?;
    Ok(())
}
