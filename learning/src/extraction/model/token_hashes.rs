//! Hashes of the tokens of a text.

use super::hashing::{HashedSet, hash_chars, hash_text, mix};
use super::lexicon::LexiconToken;
use super::tokens::Token;

/// Characters of a shape.
const MAX_SHAPE: usize = 8;

/// Characters of a token of which affixes are made.
const MAX_AFFIX_CHARS: usize = 40;

/// Affix of a token that is too short for it.
pub const NO_AFFIX: u64 = 0;

/// Hashes of a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TokenHashes {
    pub word: u64,
    pub shape: u64,
    /// The word with each digit as 0.
    pub digits: u64,
    /// The whole word that the token is a part of.
    pub whole: u64,
    /// Prefixes and suffixes of 2 to 4 characters; [`NO_AFFIX`] for short words.
    pub prefixes: [u64; 3],
    pub suffixes: [u64; 3],
    /// Kinds of characters, and their number.
    pub kind: u64,
    /// The shape without repeated characters.
    pub collapsed: u64,
    pub is_mark: bool,
    pub is_colon: bool,
    /// Whether it is a mark between phrases, such as a comma.
    pub is_separator: bool,
    pub has_letter: bool,
    /// Whether it is an `x` between factors.
    pub is_times: bool,
    /// Whether it may be a part of a factor: a number, a unit or a mark.
    pub is_dimension: bool,
    /// Whether white space or a mark is before it.
    pub begins_word: bool,
    /// Whether white space is before it.
    pub is_after_space: bool,
}

/// The hashes of tokens.
pub fn token_hashes(text: &str, tokens: &[Token]) -> Vec<TokenHashes> {
    let before = std::iter::once(0).chain(tokens.iter().map(|token| token.end));
    let hashes = tokens.iter().zip(before).map(|(token, before)| {
        let word = &text[token.start..token.end];
        let is_part = token.word_end - token.word_start > token.end - token.start;
        let mut hashes = of_word(word);
        if is_part {
            hashes.whole = hash_text(&text[token.word_start..token.word_end]);
        }
        hashes.begins_word = token.start == token.word_start;
        hashes.is_after_space = token.start > before;
        hashes
    });
    hashes.collect()
}

/// Hashes of the words of a text.
pub fn word_hashes(hashes: &[TokenHashes]) -> HashedSet {
    let words = hashes.iter().filter(|token| !token.is_mark);
    words.map(|token| token.word).collect()
}

/// The hashes that the lexicon reads.
pub fn lexicon_tokens(hashes: &[TokenHashes]) -> Vec<LexiconToken> {
    let tokens = hashes.iter().map(|token| LexiconToken {
        word: token.word,
        digits: token.digits,
    });
    tokens.collect()
}

fn shape_char(c: char) -> char {
    match c {
        c if c.is_uppercase() => 'X',
        c if c.is_alphabetic() => 'x',
        c if c.is_numeric() => '9',
        c => c,
    }
}

fn of_word(text: &str) -> TokenHashes {
    let mut shape: Vec<char> = text.chars().take(MAX_SHAPE).map(shape_char).collect();
    let word = hash_text(text);
    let has_digit = text.chars().any(char::is_numeric);
    let has_letter = text.chars().any(char::is_alphabetic);
    let zero = |c: char| if c.is_numeric() { '0' } else { c };
    let kind = u64::from(has_digit) + 2 * u64::from(has_letter);
    let chars = text.chars().count();
    let shape_hash = hash_chars(shape.iter().copied());
    shape.dedup();
    let mut hashes = TokenHashes {
        word,
        shape: shape_hash,
        collapsed: hash_chars(shape),
        digits: match has_digit {
            true => hash_text(&text.chars().map(zero).collect::<String>()),
            false => word,
        },
        whole: word,
        prefixes: [NO_AFFIX; 3],
        suffixes: [NO_AFFIX; 3],
        kind: mix(kind, chars.min(20) as u64),
        is_mark: !has_digit && !has_letter,
        is_colon: text == ":",
        is_separator: matches!(
            text,
            "," | ";" | "." | "|" | "-" | "(" | ")" | ":" | "!" | "–" | "•"
        ),
        has_letter,
        is_times: matches!(text, "x" | "X" | "×" | "by"),
        is_dimension: match has_letter {
            true => chars <= 2,
            false => has_digit || matches!(text, "\"" | "'" | "-" | "/" | "." | "”" | "″"),
        },
        begins_word: true,
        is_after_space: true,
    };
    if !hashes.is_mark {
        let chars: Vec<char> = text
            .chars()
            .flat_map(char::to_lowercase)
            .take(MAX_AFFIX_CHARS)
            .collect();
        for length in 2..=4 {
            if chars.len() > length {
                let (first, last) = (&chars[..length], &chars[chars.len() - length..]);
                hashes.prefixes[length - 2] = hash_chars(first.iter().copied());
                hashes.suffixes[length - 2] = hash_chars(last.iter().copied());
            }
        }
    }
    hashes
}
