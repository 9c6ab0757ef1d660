//! Variables: `:name`, `:'name'` and `:"name"` in statements.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::cursor::Cursor;
use crate::error::{Result, ShellError};
use crate::suggest::hint;

/// Values set with `-v`, `\set` and `\default`, by name.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// # Errors
    /// If the name contains anything but letters, digits and `_`.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<()> {
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(ShellError::query(format!(
                "'{name}' is not a valid variable name; use letters, digits and _"
            )));
        }
        self.0.insert(name.to_string(), value.into());
        Ok(())
    }

    /// # Errors
    /// If the variable does not exist.
    pub fn unset(&mut self, name: &str) -> Result<()> {
        match self.0.remove(name) {
            Some(_) => Ok(()),
            None => Err(self.unknown(name)),
        }
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn unknown(&self, name: &str) -> ShellError {
        let near = hint(name, self.0.keys().map(String::as_str));
        ShellError::usage(format!(
            "unknown variable '{name}'{near}; set it with -v {name}=... or \\set {name} ..."
        ))
    }

    /// Substitutes every variable in `sql`: `:name` verbatim, `:'name'` as a
    /// string, `:"name"` as an identifier. Strings, comments, casts (`a::int`)
    /// and slices (`a[1:n]`) are unchanged.
    ///
    /// # Errors
    /// If a variable does not exist; the error has its line.
    pub fn expand(&self, sql: &str) -> Result<String> {
        if !sql.contains(':') {
            return Ok(sql.to_string());
        }
        let mut tokens = Vec::new();
        // The parser reports a statement that the tokenizer cannot read.
        let _ = Tokenizer::new(&GenericDialect {}, sql)
            .with_unescape(false)
            .tokenize_with_location_into_buf(&mut tokens);
        let mut cursor = Cursor::new(sql);
        let mut expanded = String::with_capacity(sql.len());
        let mut copied = 0;
        for (at, token) in tokens.iter().enumerate() {
            let Some((name, quoting)) = reference(&tokens, at) else {
                continue;
            };
            let start = cursor.offset(token.span.start);
            let end = cursor.offset(tokens[at + 1].span.end);
            let value = self.get(name).ok_or_else(|| ShellError {
                line: Some(token.span.start.line),
                ..self.unknown(name)
            })?;
            expanded.push_str(&sql[copied..start]);
            expanded.push_str(&quoting.apply(value));
            copied = end;
        }
        expanded.push_str(&sql[copied..]);
        Ok(expanded)
    }

    /// Substitutes a variable in an argument of a backslash command, which is not
    /// SQL: a reference is a whole word.
    ///
    /// # Errors
    /// If a variable does not exist.
    pub fn expand_word(&self, word: &str) -> Result<String> {
        let Some(rest) = word.strip_prefix(':') else {
            return Ok(word.to_string());
        };
        let (name, quoting) = match rest.chars().next() {
            Some('\'') => (rest.trim_matches('\''), Quoting::String),
            Some('"') => (rest.trim_matches('"'), Quoting::Identifier),
            _ => (rest, Quoting::Raw),
        };
        if name.is_empty() || !name.chars().all(is_name) {
            return Ok(word.to_string());
        }
        let value = self.get(name).ok_or_else(|| self.unknown(name))?;
        Ok(quoting.apply(value))
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Quoting of a substituted value.
enum Quoting {
    Raw,
    String,
    Identifier,
}

impl Quoting {
    fn apply(&self, value: &str) -> String {
        match self {
            Quoting::Raw => value.to_string(),
            Quoting::String => format!("'{}'", value.replace('\'', "''")),
            Quoting::Identifier => format!("\"{}\"", value.replace('"', "\"\"")),
        }
    }
}

/// Variable that the colon at `at` refers to, if any.
fn reference(tokens: &[TokenWithSpan], at: usize) -> Option<(&str, Quoting)> {
    if tokens[at].token != Token::Colon {
        return None;
    }
    // `a[x:y]`, `{'k':v}`, `col:field`: a colon directly after a value belongs
    // to that value.
    if let Some(before) = at.checked_sub(1).map(|before| &tokens[before].token)
        && is_value(before)
    {
        return None;
    }
    let (name, quoting) = match &tokens.get(at + 1)?.token {
        Token::Word(word) if word.quote_style.is_none() => (word.value.as_str(), Quoting::Raw),
        Token::Word(word) if word.quote_style == Some('"') => {
            (word.value.as_str(), Quoting::Identifier)
        }
        Token::SingleQuotedString(name) => (name.as_str(), Quoting::String),
        _ => return None,
    };
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, quoting))
}

fn is_value(token: &Token) -> bool {
    matches!(
        token,
        Token::Word(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::RBracket
            | Token::RParen
            | Token::RBrace
            | Token::Colon
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables.set("n", "5").unwrap();
        variables.set("name", "O'Hara \"x\"").unwrap();
        variables
    }

    #[test]
    fn variables_expand_verbatim_as_strings_and_as_identifiers() {
        let sql = "SELECT :n, :'name', :\"name\" LIMIT :n";
        assert_eq!(
            variables().expand(sql).unwrap(),
            "SELECT 5, 'O''Hara \"x\"', \"O'Hara \"\"x\"\"\" LIMIT 5"
        );
    }

    #[test]
    fn other_colons_are_unchanged() {
        for sql in [
            "SELECT ':n' -- :n\n, /* :n */ $$:n$$, \":n\"",
            "SELECT a::int, n::text, '1'::int",
            "SELECT a[1:2], a[n:n], a[(1):n]",
            "SELECT f(k => 3), {'a':n}, x : n",
        ] {
            assert_eq!(variables().expand(sql).unwrap(), sql);
        }
    }

    #[test]
    fn an_unknown_variable_is_reported_with_line_and_suggestion() {
        let error = variables().expand("SELECT 1,\n :nam").unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(error.message.contains("'nam'"), "{error}");
        assert!(error.message.contains("did you mean 'name'?"), "{error}");
    }

    #[test]
    fn variables_expand_in_arguments_of_commands() {
        let variables = variables();
        assert_eq!(variables.expand_word(":n").unwrap(), "5");
        assert_eq!(variables.expand_word(":'name'").unwrap(), "'O''Hara \"x\"'");
        assert_eq!(variables.expand_word("a:n").unwrap(), "a:n");
        assert_eq!(variables.expand_word(":").unwrap(), ":");
        assert!(variables.expand_word(":gone").is_err());
    }

    #[test]
    fn other_characters_in_names_are_rejected() {
        assert!(Variables::default().set("a b", "1").is_err());
        assert!(Variables::default().set("", "1").is_err());
    }
}
