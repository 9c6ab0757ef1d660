//! Colours for the line being typed.

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

/// `line` with escape codes put in. What they surround is the same text.
pub fn paint(line: &str) -> String {
    if line.trim_start().starts_with('\\') {
        return format!("{COMMAND}{line}{RESET}");
    }
    let mut tokens = Vec::new();
    let open = Tokenizer::new(&GenericDialect {}, line)
        .with_unescape(false)
        .tokenize_with_location_into_buf(&mut tokens)
        .is_err();
    let mut cursor = Cursor::new(line);
    let mut painted = String::with_capacity(line.len() * 2);
    let mut end = 0;
    for token in &tokens {
        let start = cursor.offset(token.span.start);
        end = cursor.offset(token.span.end);
        let text = &line[start..end];
        match color(&token.token) {
            Some(color) => {
                painted.push_str(color);
                painted.push_str(text);
                painted.push_str(RESET);
            }
            None => painted.push_str(text),
        }
    }
    let rest = &line[end..];
    if open && !rest.is_empty() {
        // A string or comment that is still being typed.
        let color = if rest.starts_with("/*") {
            COMMENT
        } else {
            STRING
        };
        painted.push_str(color);
        painted.push_str(rest);
        painted.push_str(RESET);
    } else {
        painted.push_str(rest);
    }
    painted
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

    fn plain(painted: &str) -> String {
        let mut text = String::new();
        let mut rest = painted;
        while let Some(at) = rest.find('\x1b') {
            text.push_str(&rest[..at]);
            let end = rest[at..].find('m').unwrap();
            rest = &rest[at + end + 1..];
        }
        text + rest
    }

    #[test]
    fn colours_change_no_character() {
        for line in [
            "SELECT 'a''b', 1.5 FROM \"T\" -- end",
            "select x /* c */ from 'open",
            "\\d 'x'",
            "/* open",
            "SELECT ü, '日本' ;",
            "",
        ] {
            assert_eq!(plain(&paint(line)), line);
        }
    }

    #[test]
    fn keywords_and_strings_differ() {
        let painted = paint("SELECT 'x' FROM title");
        assert!(painted.contains(&format!("{KEYWORD}SELECT{RESET}")));
        assert!(painted.contains(&format!("{STRING}'x'{RESET}")));
        assert!(painted.ends_with(" title"));
    }
}
