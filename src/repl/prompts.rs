//! Texts of the prompt. A continuation has psql's marks of what is open.

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::script::{self, ItemKind};

/// Prompt without an open statement.
pub const PROMPT: &str = "semql> ";

/// Marks of openings in a continuation prompt.
const OPENING_MARKS: &[(&str, &str)] = &[("/*", "*")];

/// Mark of an open parenthesis, and of a statement without its semicolon.
const PARENTHESIS_MARK: &str = "(";
const STATEMENT_MARK: &str = "-";

/// Prompt after the lines `open`.
pub fn prompt(open: &str) -> String {
    if open.is_empty() {
        return PROMPT.to_string();
    }
    format!("semql{}> ", mark(open))
}

fn mark(open: &str) -> &'static str {
    let (items, unterminated) = script::split(open);
    if let Some(token) = unterminated.filter(|token| !token.opening.is_empty()) {
        let mut marks = OPENING_MARKS.iter();
        let mark = marks.find(|(opening, _)| *opening == token.opening);
        return mark.map_or(token.opening, |(_, mark)| mark);
    }
    let last = items.last().filter(|last| last.kind == ItemKind::Statement);
    match last {
        Some(last) if has_open_parenthesis(&last.text) => PARENTHESIS_MARK,
        _ => STATEMENT_MARK,
    }
}

fn has_open_parenthesis(statement: &str) -> bool {
    let mut tokens = Vec::new();
    // The parser reports what the tokenizer cannot read.
    let _ = Tokenizer::new(&GenericDialect {}, statement)
        .with_unescape(false)
        .tokenize_with_location_into_buf(&mut tokens);
    let mut depth = 0_usize;
    for token in &tokens {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    depth > 0
}

#[cfg(test)]
mod tests {
    use super::prompt;

    #[test]
    fn the_mark_shows_what_is_open() {
        for (open, expected) in [
            ("", "semql> "),
            ("SELECT 1\n", "semql-> "),
            ("SELECT 'a\n", "semql'> "),
            ("SELECT (E'a\n", "semql'> "),
            ("SELECT \"a\n", "semql\"> "),
            ("SELECT /* a\n", "semql*> "),
            ("SELECT $$ a\n", "semql$> "),
            ("SELECT $x$ a\n", "semql$> "),
            ("SELECT count(\n", "semql(> "),
            ("SELECT count(*), ')'\n", "semql-> "),
            ("SELECT '(' -- (\n", "semql-> "),
            ("SELECT (1; SELECT 2\n", "semql-> "),
            ("SELECT 1) + (2\n", "semql(> "),
        ] {
            assert_eq!(prompt(open), expected, "{open}");
        }
    }
}
