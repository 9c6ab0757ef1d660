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
    /// Syntax; an unknown type; an option that is given twice.
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
        let if_not_exists = parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
        if replace && if_not_exists {
            return Err(ParserError::ParserError(
                "OR REPLACE and IF NOT EXISTS exclude each other".to_string(),
            ));
        }
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
    let mut options: Vec<(String, String)> = Vec::new();
    if parser.consume_token(&Token::RParen) {
        return Ok(options);
    }
    for (key, value) in parser.parse_comma_separated(option)? {
        if options.iter().any(|(known, _)| *known == key) {
            return Err(ParserError::ParserError(format!(
                "the option {key} is given twice"
            )));
        }
        options.push((key, value));
    }
    parser.expect_token(&Token::RParen)?;
    Ok(options)
}

fn option(parser: &mut Parser<'_>) -> Parsed<(String, String)> {
    let key = parser.parse_identifier()?.value.to_lowercase();
    let _ = parser.consume_token(&Token::Eq);
    match parser.next_token().token {
        Token::SingleQuotedString(value) | Token::Number(value, _) => Ok((key, value)),
        // Such as `json_schema off`.
        Token::Word(word) if word.quote_style.is_none() => Ok((key, word.value)),
        // The value may be a key, so the error does not repeat it.
        _ => Err(ParserError::ParserError(format!(
            "the value of {key} must be a 'text' or a number"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::parsed::{Effect, StatementCommand};
    use super::super::parser::parse_one;
    use super::*;

    fn read(sql: &str) -> CreateLanguageModel {
        let statement = parse_one(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(statement.effect(), Effect::Writes);
        assert_eq!(statement.tag(), "CREATE EXTERNAL MODEL");
        match statement.command {
            StatementCommand::CreateLanguageModel(create) => *create,
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn all_clauses_are_read() {
        let create = read(
            "create or replace external model LLM type OpenAI location 'http://127.0.0.1:11434/v1' \
             options (Model 'a, b', api_key_env = 'OPENAI_API_KEY', concurrency 8, temperature 0.5, json_schema Off)",
        );
        let options = [
            ("model", "a, b"),
            ("api_key_env", "OPENAI_API_KEY"),
            ("concurrency", "8"),
            ("temperature", "0.5"),
            ("json_schema", "Off"),
        ];
        let options = options.map(|(key, value)| (key.to_string(), value.to_string()));
        let expected = CreateLanguageModel {
            name: "llm".to_string(),
            replace: true,
            if_not_exists: false,
            location: "http://127.0.0.1:11434/v1".to_string(),
            options: options.to_vec(),
        };
        assert_eq!(create, expected);
        let create = read("CREATE EXTERNAL MODEL IF NOT EXISTS \"M\" TYPE openai LOCATION 'x'");
        assert_eq!((create.name.as_str(), create.if_not_exists), ("M", true));
        assert!(create.options.is_empty());
        assert!(
            read("CREATE EXTERNAL MODEL m TYPE openai LOCATION 'x' OPTIONS ()")
                .options
                .is_empty()
        );
    }

    #[test]
    fn wrong_statements_name_the_fault() {
        for (sql, expected) in [
            ("CREATE EXTERNAL MODEL m", "TYPE"),
            (
                "CREATE EXTERNAL MODEL m TYPE gpt LOCATION 'x'",
                "unknown type 'gpt' of an external model; the types are openai",
            ),
            ("CREATE EXTERNAL MODEL m TYPE openai", "LOCATION"),
            ("CREATE EXTERNAL MODEL m TYPE openai LOCATION 1", "string"),
            (
                "CREATE OR REPLACE EXTERNAL MODEL IF NOT EXISTS m TYPE openai LOCATION 'x'",
                "exclude each other",
            ),
            (
                "CREATE EXTERNAL MODEL m TYPE openai LOCATION 'x' OPTIONS (model 'a', MODEL 'b')",
                "the option model is given twice",
            ),
            (
                "CREATE EXTERNAL MODEL m TYPE openai LOCATION 'x' OPTIONS (model 'a' concurrency 1)",
                "Expected: )",
            ),
        ] {
            let message = parse_one(sql).unwrap_err().to_string();
            assert!(message.contains(expected), "{sql}: {message}");
        }
        let refused = "CREATE EXTERNAL MODEL m TYPE openai LOCATION 'x' OPTIONS (api_key \"sk-1\")";
        let message = parse_one(refused).unwrap_err().to_string();
        assert!(!message.contains("sk-1"), "{message}");
    }
}
