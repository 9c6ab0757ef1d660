//! Tokens of a text: words or parts of words, and single marks.

use serde::{Deserialize, Serialize};

/// Tokens of a text that are read; the rest of the text is ignored.
pub const MAX_TOKENS: usize = 1000;

/// Letters before a plural `s` that is split off.
const MIN_PLURAL_STEM: usize = 3;

/// Token with its byte range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub start: usize,
    pub end: usize,
    /// Byte range of the word that the token is a part of.
    pub word_start: usize,
    pub word_end: usize,
}

/// Places inside of words where values of the training rows begin or end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordSplits {
    /// Before an upper-case letter after a lower-case one: `sizeBlack`.
    pub case: bool,
    /// Between digits and letters of a word that begins with a digit: `13w`.
    pub numbers: bool,
    /// Before a final `s`: `Mens`.
    pub plural: bool,
}

impl WordSplits {
    /// Each kind of split alone.
    pub const KINDS: [Self; 3] = [
        Self {
            case: true,
            numbers: false,
            plural: false,
        },
        Self {
            case: false,
            numbers: true,
            plural: false,
        },
        Self {
            case: false,
            numbers: false,
            plural: true,
        },
    ];

    /// The splits of both.
    pub fn union(self, other: Self) -> Self {
        Self {
            case: self.case || other.case,
            numbers: self.numbers || other.numbers,
            plural: self.plural || other.plural,
        }
    }

    /// The first [`MAX_TOKENS`] tokens of a text. Letters, digits and `_` form words; any
    /// other character that is not white space is a token.
    pub fn tokenize(self, text: &str) -> Vec<Token> {
        let mut tokens: Vec<Token> = Vec::new();
        let mut word: Option<usize> = None;
        for (at, c) in text.char_indices() {
            if c.is_alphanumeric() || c == '_' {
                word.get_or_insert(at);
                continue;
            }
            if let Some(start) = word.take() {
                self.add_word(text, start, at, &mut tokens);
            }
            if tokens.len() >= MAX_TOKENS {
                break;
            }
            if !c.is_whitespace() {
                let (start, end) = (at, at + c.len_utf8());
                tokens.push(Token {
                    start,
                    end,
                    word_start: start,
                    word_end: end,
                });
            }
        }
        if let Some(start) = word {
            self.add_word(text, start, text.len(), &mut tokens);
        }
        tokens.truncate(MAX_TOKENS);
        tokens
    }

    fn add_word(self, text: &str, word_start: usize, word_end: usize, tokens: &mut Vec<Token>) {
        let word = &text[word_start..word_end];
        let mut start = word_start;
        let mut add = |end: usize| {
            if end > start && tokens.len() < MAX_TOKENS {
                tokens.push(Token {
                    start,
                    end,
                    word_start,
                    word_end,
                });
                start = end;
            }
        };
        let first = word.chars().next();
        let is_number = self.numbers && begins_with_number(word);
        let mut before = first.unwrap_or(' ');
        for (at, c) in word.char_indices().skip(1) {
            let is_case = self.case && before.is_lowercase() && c.is_uppercase();
            let is_unit = is_number && before.is_numeric() != c.is_numeric();
            if is_case || is_unit {
                add(word_start + at);
            }
            before = c;
        }
        if self.plural && is_plural(word) {
            add(word_end - 1);
        }
        add(word_end);
    }
}

/// Whether a word is like `13w`, `x7` or `Wx7`.
fn begins_with_number(word: &str) -> bool {
    let start = word.trim_start_matches(['x', 'X', 'W', 'H', 'D', 'L', 'w', 'h', 'd', 'l']);
    let is_short = word.len() - start.len() <= 2;
    is_short && start.starts_with(char::is_numeric)
}

fn is_plural(word: &str) -> bool {
    let Some(stem) = word.strip_suffix(['s', 'S']) else {
        return false;
    };
    let is_letters = stem.chars().all(char::is_alphabetic) && !stem.ends_with(['s', 'S']);
    is_letters && stem.chars().count() >= MIN_PLURAL_STEM
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(splits: WordSplits, text: &str) -> Vec<&str> {
        let tokens = splits.tokenize(text).into_iter();
        tokens.map(|token| &text[token.start..token.end]).collect()
    }

    #[test]
    fn words_and_marks_are_tokens() {
        let words = |text| words(WordSplits::default(), text);
        assert_eq!(
            words(" 25K-page, é_1! "),
            ["25K", "-", "page", ",", "é_1", "!"]
        );
        assert_eq!(words("a b"), ["a", "b"]);
        assert!(words(" \n").is_empty());
        let many = WordSplits::default().tokenize(&"a ".repeat(3 * MAX_TOKENS));
        assert_eq!(many.len(), MAX_TOKENS);
    }

    #[test]
    fn words_are_split_by_the_kinds_of_splits() {
        let [case, numbers, plural] = WordSplits::KINDS;
        assert_eq!(words(case, "sizeBlack USBHub"), ["size", "Black", "USBHub"]);
        assert_eq!(
            words(numbers, "13w 2x4 Wx7 AB12 12345INNER 3é"),
            [
                "13", "w", "2", "x", "4", "Wx", "7", "AB12", "12345", "INNER", "3", "é"
            ]
        );
        assert_eq!(
            words(plural, "Mens glass gas 1s s"),
            ["Men", "s", "glass", "gas", "1s", "s"]
        );
        let all = case.union(numbers).union(plural);
        let tokens = all.tokenize("2colorBoxes");
        assert_eq!(tokens.len(), 3);
        assert!(
            tokens
                .iter()
                .all(|token| (token.word_start, token.word_end) == (0, 11))
        );
        assert_eq!(all.tokenize(&"aB".repeat(MAX_TOKENS)).len(), MAX_TOKENS);
    }
}
