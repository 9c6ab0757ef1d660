//! Diagnosis of misspelt statements.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::error::{ErrorKind, ShellError};
use crate::suggest::closest;

/// The first word of a text, if it starts with an unquoted word.
pub fn first_word(tokens: &[TokenWithSpan]) -> Option<String> {
    let mut tokens = tokens.iter().map(|token| &token.token);
    match tokens.find(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon))? {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.clone()),
        _ => None,
    }
}

/// First words of statements.
const FIRST_WORDS: &[&str] = &[
    "SELECT",
    "WITH",
    "VALUES",
    "TABLE",
    "FROM",
    "SUMMARIZE",
    "SUMMARISE",
    "DESCRIBE",
    "DESC",
    "SHOW",
    "SET",
    "RESET",
    "COPY",
    "CREATE",
    "DROP",
    "ALTER",
    "TRUNCATE",
    "INSERT",
    "DELETE",
    "UPDATE",
    "MERGE",
    "EXPLAIN",
    "ANALYZE",
    "EXPORT",
    "PREPARE",
    "EXECUTE",
    "DEALLOCATE",
    "BEGIN",
    "START",
    "COMMENT",
    "COMMIT",
    "END",
    "ROLLBACK",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
    "DECLARE",
    "FETCH",
    "MOVE",
    "CLOSE",
    "DISCARD",
    "LISTEN",
    "UNLISTEN",
    "GRANT",
    "REVOKE",
    "VACUUM",
    "CALL",
    "USE",
];

/// Replaces a syntax error of a text with an unknown first word by a suggestion.
pub fn diagnose(first: Option<String>, error: ShellError) -> ShellError {
    let Some(word) = first.filter(|_| error.kind == ErrorKind::Syntax) else {
        return error;
    };
    if FIRST_WORDS
        .iter()
        .any(|known| known.eq_ignore_ascii_case(&word))
    {
        return error;
    }
    let next = match closest(&word, FIRST_WORDS.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None => "\\h lists the statements".to_string(),
    };
    ShellError {
        message: format!("unknown statement '{word}'; {next}"),
        ..error
    }
}
