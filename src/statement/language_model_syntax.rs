//! Syntax of `CREATE EXTERNAL MODEL`.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::syntax::{Parsed, name, with_usage, word};

/// Kinds of external models.
const KINDS: &[&str] = &["openai"];

/// `CREATE [OR REPLACE] EXTERNAL MODEL [IF NOT EXISTS] name TYPE openai LOCATION 'url'
/// [OPTIONS (key value, ...)]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateLanguageModel {
    pub name: String,
    pub replace: bool,
    pub if_not_exists: bool,
    pub location: String,
    pub options: Vec<(String, String)>,
}

impl CreateLanguageModel {
    /// Reads the statement, from its `CREATE`.
    ///
    /// # Errors
    /// Syntax; an unknown type.
    pub fn parse(parser: &mut Parser<'_>) -> Parsed<Self> {
        with_usage(
            Self::parts(parser),
            "CREATE [OR REPLACE] EXTERNAL MODEL [IF NOT EXISTS] name TYPE openai LOCATION 'url' OPTIONS (model '...')",
        )
    }

    fn parts(parser: &mut Parser<'_>) -> Parsed<Self> {
        parser.expect_keyword(Keyword::CREATE)?;
        let replace = parser.parse_keywords(&[Keyword::OR, Keyword::REPLACE]);
        word(parser, "EXTERNAL")?;
        word(parser, "MODEL")?;
        let if_not_exists =
            parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
        let name = name(parser)?;
        word(parser, "TYPE")?;
        let kind = parser.parse_identifier()?.value.to_lowercase();
        if !KINDS.contains(&kind.as_str()) {
            return Err(ParserError::ParserError(format!(
                "unknown type '{kind}' of an external model; the types are {}",
                KINDS.join(", ")
            )));
        }
        word(parser, "LOCATION")?;
        let location = parser.parse_literal_string()?;
        let options = match parser.parse_keyword(Keyword::OPTIONS) {
            true => options(parser)?,
            false => Vec::new(),
        };
        Ok(Self {
            name,
            replace,
            if_not_exists,
            location,
            options,
        })
    }
}

fn options(parser: &mut Parser<'_>) -> Parsed<Vec<(String, String)>> {
    parser.expect_token(&Token::LParen)?;
    let options = parser.parse_comma_separated(|parser| {
        let key = parser.parse_identifier()?.value.to_lowercase();
        let _ = parser.consume_token(&Token::Eq);
        let found = parser.next_token();
        match found.token {
            Token::SingleQuotedString(value) | Token::Number(value, _) => Ok((key, value)),
            _ => parser.expected("a 'text' or a number", found),
        }
    })?;
    parser.expect_token(&Token::RParen)?;
    Ok(options)
}
