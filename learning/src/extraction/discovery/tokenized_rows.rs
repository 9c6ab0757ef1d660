//! Sampled rows as tokens of one vocabulary.

use std::collections::HashMap;

use semql_inference::random::Random;

use crate::extraction::SourceTexts;

/// Rows that are read; of larger tables, a sample.
pub const MAX_ROWS: usize = 10_000;

/// Bytes that are read of each text.
const MAX_TEXT_BYTES: usize = 1_000;

/// Longest word with a number in the vocabulary, in bytes; the rest of a word is cut.
const MAX_WORD_BYTES: usize = 64;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Letters, and maybe digits.
    Word,
    /// Digits alone.
    Number,
    /// One character that is neither letter, digit nor white space.
    Sign,
}

/// Part of a text.
#[derive(Clone, Copy, Debug)]
pub struct DiscoveryToken {
    /// Position in the vocabulary.
    pub word: u32,
    /// Bytes of the text.
    pub start: u32,
    pub end: u32,
    pub kind: TokenKind,
    /// Whether the text has a capital first.
    pub is_capitalized: bool,
}

/// A text with its tokens.
#[derive(Debug)]
pub struct TokenizedText<'a> {
    pub text: &'a str,
    pub tokens: Vec<DiscoveryToken>,
}

impl<'a> TokenizedText<'a> {
    /// The text of some tokens.
    pub fn between(&self, first: usize, last: usize) -> &'a str {
        let (start, end) = (self.tokens[first].start, self.tokens[last].end);
        &self.text[start as usize..end as usize]
    }
}

/// Sampled rows.
#[derive(Debug, Default)]
pub struct TokenizedRows<'a> {
    /// By sampled row: its position in the table.
    pub positions: Vec<usize>,
    /// By sampled row: its texts.
    pub rows: Vec<Vec<TokenizedText<'a>>>,
    /// The vocabulary, in lower case.
    pub words: Vec<String>,
}

impl<'a> TokenizedRows<'a> {
    /// Tokenizes the rows, or a sample of them for `seed`.
    pub fn new(rows: &[SourceTexts<'a>], seed: u64) -> Self {
        let mut tokenized = Self {
            positions: sample(rows.len(), seed),
            ..Self::default()
        };
        let mut vocabulary = HashMap::new();
        for position in &tokenized.positions {
            let texts = rows[*position].iter().flatten();
            let texts = texts.map(|text| {
                let text = start_of(text);
                TokenizedText {
                    text,
                    tokens: tokenize(text, &mut vocabulary, &mut tokenized.words),
                }
            });
            tokenized.rows.push(texts.collect());
        }
        tokenized
    }

    /// The word of a token in lower case.
    pub fn word(&self, token: &DiscoveryToken) -> &str {
        &self.words[token.word as usize]
    }
}

/// Positions of the sampled rows, ascending.
fn sample(count: usize, seed: u64) -> Vec<usize> {
    let mut random = Random::new(seed);
    let mut positions: Vec<usize> = (0..count).collect();
    if count > MAX_ROWS {
        for at in 0..MAX_ROWS {
            let other = at + (random.unit() * (count - at) as f64) as usize;
            positions.swap(at, other.min(count - 1));
        }
        positions.truncate(MAX_ROWS);
        positions.sort_unstable();
    }
    positions
}

/// The start of a long text.
fn start_of(text: &str) -> &str {
    let mut end = text.len().min(MAX_TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn tokenize(
    text: &str,
    vocabulary: &mut HashMap<String, u32>,
    words: &mut Vec<String>,
) -> Vec<DiscoveryToken> {
    let mut tokens: Vec<DiscoveryToken> = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if c.is_whitespace() {
            continue;
        }
        let mut end = start + c.len_utf8();
        let mut kind = TokenKind::Sign;
        if c.is_alphanumeric() {
            kind = TokenKind::Number;
            let mut has_letter = !c.is_numeric();
            while let Some((at, next)) = chars.peek().copied() {
                let after = text[at + next.len_utf8()..].chars().next();
                let continues = |test: fn(char) -> bool| after.is_some_and(test);
                let is_part = next.is_alphanumeric()
                    || (matches!(next, '\'' | '’') && has_letter && continues(char::is_alphabetic))
                    || (next == '.' && !has_letter && continues(char::is_numeric));
                if !is_part {
                    break;
                }
                has_letter |= next.is_alphabetic();
                end = at + next.len_utf8();
                chars.next();
            }
            if has_letter {
                kind = TokenKind::Word;
            }
        }
        let mut cut = (end - start).min(MAX_WORD_BYTES);
        while !text.is_char_boundary(start + cut) {
            cut -= 1;
        }
        let lower = text[start..start + cut].to_lowercase().replace('’', "'");
        let next = words.len() as u32;
        let word = *vocabulary.entry(lower).or_insert_with_key(|lower| {
            words.push(lower.clone());
            next
        });
        tokens.push(DiscoveryToken {
            word,
            start: start as u32,
            end: end as u32,
            kind,
            is_capitalized: c.is_uppercase(),
        });
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        let rows = TokenizedRows::new(&[vec![None, Some(text)]], 0);
        let tokens = rows.rows[0][0].tokens.iter();
        tokens.map(|token| rows.word(token).to_string()).collect()
    }

    #[test]
    fn words_numbers_and_signs_are_tokens() {
        assert_eq!(
            tokens("Women’s 2.5 oz, 30x40 (G6)."),
            ["women's", "2.5", "oz", ",", "30x40", "(", "g6", ")", "."]
        );
        assert!(tokens(" \u{301}").len() <= 1);
        let long = "ü".repeat(1_000_000);
        assert_eq!(tokens(&long), ["ü".repeat(MAX_WORD_BYTES / 2)]);
    }

    #[test]
    fn large_tables_are_sampled_for_the_seed() {
        let rows: Vec<SourceTexts<'_>> = vec![vec![Some("a")]; MAX_ROWS + 500];
        let sampled = |seed| TokenizedRows::new(&rows, seed).positions;
        assert_eq!(sampled(1).len(), MAX_ROWS);
        assert!(sampled(1).is_sorted_by(|a, b| a < b));
        assert_eq!(sampled(1), sampled(1));
        assert_ne!(sampled(1), sampled(2));
    }
}
