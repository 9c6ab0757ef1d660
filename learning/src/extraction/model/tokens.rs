//! Tokens of a text: words, and single marks.

/// Tokens of a text that are read; the rest of the text is ignored.
pub const MAX_TOKENS: usize = 1000;

/// Token with its byte range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub start: usize,
    pub end: usize,
}

/// The first [`MAX_TOKENS`] tokens of a text. Letters, digits and `_` form words; any
/// other character that is not white space is a token.
pub fn tokenize(text: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut in_word = false;
    for (at, c) in text.char_indices() {
        let is_word = c.is_alphanumeric() || c == '_';
        let end = at + c.len_utf8();
        let is_full = tokens.len() == MAX_TOKENS;
        match tokens.last_mut() {
            Some(word) if is_word && in_word => word.end = end,
            _ if c.is_whitespace() => {}
            _ if is_full => break,
            _ => tokens.push(Token { start: at, end }),
        }
        in_word = is_word;
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        let tokens = tokenize(text).into_iter();
        tokens.map(|token| &text[token.start..token.end]).collect()
    }

    #[test]
    fn words_and_marks_are_tokens() {
        assert_eq!(
            words(" 25K-page, é_1! "),
            ["25K", "-", "page", ",", "é_1", "!"]
        );
        assert_eq!(words("a b"), ["a", "b"]);
        assert!(words(" \n").is_empty());
        assert_eq!(tokenize(&"a ".repeat(3 * MAX_TOKENS)).len(), MAX_TOKENS);
    }
}
