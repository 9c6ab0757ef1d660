//! `OPTIONS (key value, ...)`: syntax, and options as lists.

use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// Result of parsing an option; the error is the message.
pub type Parsed<T> = Result<T, String>;

/// Option that sets a part of `T`.
pub struct OptionSpec<T> {
    pub key: &'static str,
    pub set: fn(&mut T, &str) -> Parsed<()>,
}

/// Options of every kind of model, see `track_options`.
pub const COMMON_KEYS: &[&str] = &["track", "experiment"];

/// Options from the `given` keys and values; the default for the others.
///
/// # Errors
/// An unknown option or an invalid value.
pub fn read_options<T: Default>(specs: &[OptionSpec<T>], given: &[(String, String)]) -> Parsed<T> {
    let mut options = T::default();
    for (key, value) in given {
        let Some(spec) = specs.iter().find(|spec| spec.key == key) else {
            let keys = specs.iter().map(|spec| spec.key);
            let keys: Vec<&str> = keys.chain(COMMON_KEYS.iter().copied()).collect();
            return Err(format!(
                "unknown option '{key}'; the options are {}",
                keys.join(", ")
            ));
        };
        (spec.set)(&mut options, value)?;
    }
    Ok(options)
}

/// The value called `value` of the option `key`.
///
/// # Errors
/// Another value.
pub fn one_of<T: Copy>(key: &str, value: &str, all: &[(&'static str, T)]) -> Parsed<T> {
    let found = all.iter().find(|(name, _)| *name == value);
    found.map(|(_, one)| *one).ok_or_else(|| {
        let names: Vec<String> = all.iter().map(|(name, _)| format!("'{name}'")).collect();
        format!(
            "{key} is '{value}', but must be one of {}",
            names.join(", ")
        )
    })
}

/// Parses `(key value, ...)`.
///
/// # Errors
/// Invalid syntax.
pub fn parse_option_list(parser: &mut Parser<'_>) -> Result<Vec<(String, String)>, ParserError> {
    parser.expect_token(&Token::LParen)?;
    let options = parser.parse_comma_separated(|parser| {
        let key = parser.parse_identifier()?.value.to_lowercase();
        let _ = parser.consume_token(&Token::Eq);
        let value = match parser.next_token().token {
            Token::SingleQuotedString(value) | Token::Number(value, _) => value,
            Token::Word(word) => word.value.to_lowercase(),
            other => {
                return Err(ParserError::ParserError(format!(
                    "the value of {key} is '{other}', but must be a text or a number"
                )));
            }
        };
        Ok((key, value))
    })?;
    parser.expect_token(&Token::RParen)?;
    Ok(options)
}
