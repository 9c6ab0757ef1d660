//! Long texts give the same tokens as without the cut before tokenizing.

use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::unigram::{Unigram, UnigramTrainer};
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::metaspace::Metaspace;
use tokenizers::processors::bert::BertProcessing;

use super::*;
use crate::random::Random;

const SAMPLE: &str = "Red running shoes, size 42; waterproof jackets and 2.5 l bottles. \
                      Écouteurs sans fil, Kopfhörer für unterwegs! 防水ジャケット 赤い靴。 1234567890";

fn train(mut inner: tokenizers::Tokenizer, mut trainer: TrainerWrapper) -> tokenizers::Tokenizer {
    inner
        .train(&mut trainer, [SAMPLE, "lower newer wider"].into_iter())
        .unwrap();
    inner
}

fn word_pieces() -> tokenizers::Tokenizer {
    let mut inner = tokenizers::Tokenizer::new(WordPiece::default());
    inner
        .with_normalizer(Some(BertNormalizer::default()))
        .unwrap();
    inner.with_pre_tokenizer(Some(BertPreTokenizer));
    let trainer = WordPieceTrainer::builder()
        .vocab_size(120)
        .show_progress(false)
        .special_tokens(
            ["[UNK]", "[CLS]", "[SEP]"]
                .map(|t| tokenizers::AddedToken::from(t, true))
                .to_vec(),
        )
        .build();
    let mut inner = train(inner, trainer.into());
    let ends = |token: &str| (token.to_string(), inner.token_to_id(token).unwrap());
    let template = BertProcessing::new(ends("[SEP]"), ends("[CLS]"));
    inner.with_post_processor(Some(template));
    inner
}

fn byte_pairs() -> tokenizers::Tokenizer {
    let mut inner = tokenizers::Tokenizer::new(BPE::default());
    inner.with_pre_tokenizer(Some(ByteLevel::default()));
    let trainer = BpeTrainer::builder()
        .vocab_size(400)
        .show_progress(false)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    train(inner, trainer.into())
}

fn unigrams() -> tokenizers::Tokenizer {
    let mut inner = tokenizers::Tokenizer::new(Unigram::default());
    inner.with_pre_tokenizer(Some(Metaspace::default()));
    let trainer = UnigramTrainer::builder()
        .vocab_size(150)
        .show_progress(false)
        .unk_token(Some("<unk>".to_string()))
        .special_tokens(vec![tokenizers::AddedToken::from("<unk>", true)])
        .build()
        .unwrap();
    train(inner, trainer.into())
}

fn with_limit(inner: tokenizers::Tokenizer, side: TruncationSide) -> Tokenizer {
    Tokenizer {
        kind: TokenizerKind::HuggingFace(Box::new(inner)),
        max_tokens: 16,
        side,
        prefix: "query: ".to_string(),
    }
}

/// Texts of up to 2,000 characters, of words, runs of spaces and characters that
/// tokenizers treat in their own ways; every other one has no white space.
fn random_text(random: &mut Random, spaces: bool) -> String {
    const PARTS: &[&str] = &[
        "shoes",
        "Red",
        "2.5",
        "wider",
        "防水",
        "。",
        "é",
        "e\u{301}",
        "🙂",
        "[SEP]",
        "x",
        ",",
        "KOPFHÖRER",
        "1234567890",
        "\u{200d}",
    ];
    const SPACES: &[&str] = &[" ", "  ", "\n", "\t ", "\u{a0}", " \u{3000}", "\r\n"];
    let mut text = String::new();
    for _ in 0..random.below(400) {
        text.push_str(PARTS[random.below(PARTS.len())]);
        if spaces && random.below(3) > 0 {
            text.push_str(SPACES[random.below(SPACES.len())]);
        }
    }
    text
}

#[test]
fn long_texts_give_the_tokens_of_the_whole_text() {
    let mut random = Random::new(20);
    for inner in [word_pieces(), byte_pairs(), unigrams()] {
        for side in [TruncationSide::Right, TruncationSide::Left] {
            let tokenizer = with_limit(inner.clone(), side);
            let mut truncated = 0;
            for case in 0..200 {
                let text = random_text(&mut random, case % 2 == 0);
                let whole = tokenizer.encode_whole(&text).unwrap();
                truncated += usize::from(whole.truncated);
                assert_eq!(tokenizer.encode(&text).unwrap(), whole, "{side:?} {text:?}");
            }
            assert!(truncated > 100, "{truncated}");
        }
    }
}

#[test]
fn a_long_text_of_few_tokens_is_read_to_its_end() {
    let tokenizer = with_limit(word_pieces(), TruncationSide::Right);
    let text = format!("{}shoes{}red", " ".repeat(5000), "\n".repeat(5000));
    assert_eq!(tokenizer.encode(&text), tokenizer.encode_whole(&text));
    assert!(!tokenizer.encode(&text).unwrap().truncated);
}
