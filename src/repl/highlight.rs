//! Syntax colours of the input line.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer, Whitespace};

use super::keywords::is_keyword;
use crate::script::Cursor;

const KEYWORD: &str = "\x1b[1;34m";
const STRING: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[36m";
const COMMENT: &str = "\x1b[2m";
const COMMAND: &str = "\x1b[35m";
const RESET: &str = "\x1b[0m";

/// Inserts escape codes for colours into `line`.
pub fn highlight(line: &str) -> String {
    if line.trim_start().starts_with('\\') {
        return format!("{COMMAND}{line}{RESET}");
    }
    let mut tokens = Vec::new();
    let unterminated = Tokenizer::new(&GenericDialect {}, line)
        .with_unescape(false)
        .tokenize_with_location_into_buf(&mut tokens)
        .is_err();
    let mut cursor = Cursor::new(line);
    let mut highlighted = String::with_capacity(line.len() * 2);
    let mut end = 0;
    for token in &tokens {
        let start = cursor.offset(token.span.start);
        end = cursor.offset(token.span.end);
        let text = &line[start..end];
        match color(&token.token) {
            Some(color) => {
                highlighted.push_str(color);
                highlighted.push_str(text);
                highlighted.push_str(RESET);
            }
            None => highlighted.push_str(text),
        }
    }
    let rest = &line[end..];
    if unterminated && !rest.is_empty() {
        // An unterminated string or comment.
        let color = if rest.starts_with("/*") {
            COMMENT
        } else {
            STRING
        };
        highlighted.push_str(color);
        highlighted.push_str(rest);
        highlighted.push_str(RESET);
    } else {
        highlighted.push_str(rest);
    }
    highlighted
}

fn color(token: &Token) -> Option<&'static str> {
    match token {
        Token::Word(word) if word.quote_style.is_none() => {
            (word.keyword != Keyword::NoKeyword && is_keyword(&word.value)).then_some(KEYWORD)
        }
        Token::Number(..) => Some(NUMBER),
        Token::SingleQuotedString(_)
        | Token::DollarQuotedString(_)
        | Token::NationalStringLiteral(_)
        | Token::EscapedStringLiteral(_)
        | Token::SingleQuotedRawStringLiteral(_) => Some(STRING),
        Token::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) => Some(COMMENT),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without_colours(highlighted: &str) -> String {
        let mut text = String::new();
        let mut rest = highlighted;
        while let Some(at) = rest.find('\x1b') {
            text.push_str(&rest[..at]);
            let end = rest[at..].find('m').unwrap();
            rest = &rest[at + end + 1..];
        }
        text + rest
    }

    #[test]
    fn colours_leave_the_text_unchanged() {
        for line in [
            "SELECT 'a''b', 1.5 FROM \"T\" -- end",
            "select x /* c */ from 'open",
            "\\d 'x'",
            "/* open",
            "SELECT ü, '日本' ;",
            "",
        ] {
            assert_eq!(without_colours(&highlight(line)), line);
        }
    }

    #[test]
    fn keywords_and_strings_have_colours() {
        let highlighted = highlight("SELECT 'x' FROM title");
        assert!(highlighted.contains(&format!("{KEYWORD}SELECT{RESET}")));
        assert!(highlighted.contains(&format!("{STRING}'x'{RESET}")));
        assert!(highlighted.ends_with(" title"));
    }
}
