//! Variables: `:name`, `:'name'` and `:"name"` in statements.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::split::Cursor;
use crate::error::{Result, ShellError};
use crate::suggest::hint;

/// The values set with `-v`, `\set` and `\default`, by name.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, String>);

impl Variables {
    /// # Errors
    /// If the name is not made of letters, digits and `_`.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<()> {
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(ShellError::query(format!(
                "'{name}' cannot be a variable's name: only letters, digits and _ can"
            )));
        }
        self.0.insert(name.to_string(), value.into());
        Ok(())
    }

    /// # Errors
    /// If there is no such variable.
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
            "there is no variable '{name}'{near}; give it with -v {name}=... or \\set {name} ..."
        ))
    }

    /// `sql` with every variable put in: `:name` as it is, `:'name'` as a
    /// string, `:"name"` as an identifier. Strings, comments, casts (`a::int`)
    /// and slices (`a[1:n]`) stay as they are.
    ///
    /// # Errors
    /// If a variable does not exist; the error knows the line.
    pub fn expand(&self, sql: &str) -> Result<String> {
        if !sql.contains(':') {
            return Ok(sql.to_string());
        }
        let mut tokens = Vec::new();
        // A statement that cannot be read to its end is the parser's to report.
        let _ = Tokenizer::new(&GenericDialect {}, sql)
            .with_unescape(false)
            .tokenize_with_location_into_buf(&mut tokens);
        let mut cursor = Cursor::new(sql);
        let mut expanded = String::with_capacity(sql.len());
        let mut copied = 0;
        for (at, token) in tokens.iter().enumerate() {
            let Some((name, form)) = reference(&tokens, at) else {
                continue;
            };
            let start = cursor.offset(token.span.start);
            let end = cursor.offset(tokens[at + 1].span.end);
            let value = self.get(name).ok_or_else(|| ShellError {
                line: Some(token.span.start.line),
                ..self.unknown(name)
            })?;
            expanded.push_str(&sql[copied..start]);
            expanded.push_str(&form.write(value));
            copied = end;
        }
        expanded.push_str(&sql[copied..]);
        Ok(expanded)
    }

    /// The same for the arguments of a backslash command, which are not SQL:
    /// there a reference stands at the beginning of a word.
    ///
    /// # Errors
    /// If a variable does not exist.
    pub fn expand_word(&self, word: &str) -> Result<String> {
        let Some(rest) = word.strip_prefix(':') else {
            return Ok(word.to_string());
        };
        let (name, form) = match rest.chars().next() {
            Some('\'') => (rest.trim_matches('\''), Form::String),
            Some('"') => (rest.trim_matches('"'), Form::Identifier),
            _ => (rest, Form::Raw),
        };
        if name.is_empty() || !name.chars().all(is_name) {
            return Ok(word.to_string());
        }
        let value = self.get(name).ok_or_else(|| self.unknown(name))?;
        Ok(form.write(value))
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

enum Form {
    Raw,
    String,
    Identifier,
}

impl Form {
    fn write(&self, value: &str) -> String {
        match self {
            Form::Raw => value.to_string(),
            Form::String => format!("'{}'", value.replace('\'', "''")),
            Form::Identifier => format!("\"{}\"", value.replace('"', "\"\"")),
        }
    }
}

/// The variable that the colon at `at` refers to, if it does.
fn reference(tokens: &[TokenWithSpan], at: usize) -> Option<(&str, Form)> {
    if tokens[at].token != Token::Colon {
        return None;
    }
    // `a[x:y]`, `{'k':v}`, `col:field`: a colon glued to a value in front of it
    // belongs to that value.
    if let Some(before) = at.checked_sub(1).map(|before| &tokens[before].token)
        && is_value(before)
    {
        return None;
    }
    let (name, form) = match &tokens.get(at + 1)?.token {
        Token::Word(word) if word.quote_style.is_none() => (word.value.as_str(), Form::Raw),
        Token::Word(word) if word.quote_style == Some('"') => {
            (word.value.as_str(), Form::Identifier)
        }
        Token::SingleQuotedString(name) => (name.as_str(), Form::String),
        _ => return None,
    };
    (!name.is_empty() && name.chars().all(is_name)).then_some((name, form))
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
    fn the_three_forms() {
        let sql = "SELECT :n, :'name', :\"name\" LIMIT :n";
        assert_eq!(
            variables().expand(sql).unwrap(),
            "SELECT 5, 'O''Hara \"x\"', \"O'Hara \"\"x\"\"\" LIMIT 5"
        );
    }

    #[test]
    fn what_is_no_reference_stays() {
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
    fn an_unknown_variable_names_itself_its_line_and_its_neighbour() {
        let error = variables().expand("SELECT 1,\n :nam").unwrap_err();
        assert_eq!(error.line, Some(2));
        assert!(error.message.contains("'nam'"), "{error}");
        assert!(error.message.contains("did you mean 'name'?"), "{error}");
    }

    #[test]
    fn words_of_commands() {
        let variables = variables();
        assert_eq!(variables.expand_word(":n").unwrap(), "5");
        assert_eq!(variables.expand_word(":'name'").unwrap(), "'O''Hara \"x\"'");
        assert_eq!(variables.expand_word("a:n").unwrap(), "a:n");
        assert_eq!(variables.expand_word(":").unwrap(), ":");
        assert!(variables.expand_word(":gone").is_err());
    }

    #[test]
    fn names_are_letters_digits_and_underscores() {
        assert!(Variables::default().set("a b", "1").is_err());
        assert!(Variables::default().set("", "1").is_err());
    }
}
