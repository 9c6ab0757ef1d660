//! Syntax of `\copy`: the statement COPY of Postgres, with file names of the client.

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::Ident;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::row_format::RowFormat;
use super::usage::usage;
use crate::error::{Result, ShellError};
use crate::script::Cursor;

/// Call of `\copy`.
#[derive(Debug)]
pub struct CopyRequest {
    pub source: CopySource,
    /// Whether rows go to the endpoint.
    pub to: bool,
    pub endpoint: Endpoint,
    pub format: RowFormat,
}

/// What is copied, as written.
#[derive(Debug, PartialEq, Eq)]
pub enum CopySource {
    Table {
        name: String,
        columns: Option<Vec<String>>,
    },
    /// A query without its parentheses.
    Query(String),
}

/// Where rows go to or come from.
#[derive(Debug, PartialEq, Eq)]
pub enum Endpoint {
    File(String),
    /// Standard output or input.
    Client,
}

impl CopyRequest {
    /// Reads the text after `\copy`.
    ///
    /// # Errors
    /// Syntax; options that are not supported.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim().trim_end_matches(';').trim_end();
        let (source, to, rest) = split_at_direction(text)?;
        let source = CopySource::parse(source)?;
        let (endpoint, options) = endpoint(rest)?;
        let file = match &endpoint {
            Endpoint::File(name) => Some(name.as_str()),
            Endpoint::Client => None,
        };
        let format = RowFormat::parse(file, options)?;
        Ok(Self {
            source,
            to,
            endpoint,
            format,
        })
    }
}

/// Splits `SOURCE to|from REST`; the word is outside of quotes and parentheses.
fn split_at_direction(text: &str) -> Result<(&str, bool, &str)> {
    let mut tokens = Vec::new();
    // A file name need not be SQL.
    let _ = Tokenizer::new(&GenericDialect {}, text)
        .with_unescape(false)
        .tokenize_with_location_into_buf(&mut tokens);
    let mut cursor = Cursor::new(text);
    let mut depth = 0_usize;
    for token in &tokens {
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 && word.quote_style.is_none() => {
                let to = word.value.eq_ignore_ascii_case("to");
                if to || word.value.eq_ignore_ascii_case("from") {
                    let start = cursor.offset(token.span.start);
                    let end = cursor.offset(token.span.end);
                    return Ok((text[..start].trim(), to, text[end..].trim_start()));
                }
            }
            _ => {}
        }
    }
    Err(usage("there is neither to nor from"))
}

impl CopySource {
    fn parse(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Err(usage("there is no table or query"));
        }
        if let Some(inner) = text.strip_prefix('(') {
            let query = inner
                .strip_suffix(')')
                .ok_or_else(|| usage("the query is not followed by to or from"))?;
            return Ok(Self::Query(query.trim().to_string()));
        }
        let Some((name, list)) = text.split_once('(') else {
            return Ok(Self::Table {
                name: text.to_string(),
                columns: None,
            });
        };
        let list = list
            .strip_suffix(')')
            .ok_or_else(|| usage("the list of columns is not closed"))?;
        let mut parser = Parser::new(&GenericDialect {})
            .try_with_sql(list)
            .map_err(DataFusionError::from)?;
        let columns = parser
            .parse_comma_separated(Parser::parse_identifier)
            .map_err(DataFusionError::from)?;
        if parser.peek_token_ref().token != Token::EOF {
            return Err(usage("the list has more than names of columns"));
        }
        Ok(Self::Table {
            name: name.trim().to_string(),
            columns: Some(columns.iter().map(Ident::to_string).collect()),
        })
    }
}

/// Reads a file name with or without quotes, `stdin` or `stdout`, and returns the rest.
fn endpoint(text: &str) -> Result<(Endpoint, &str)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let mut name = String::new();
        let mut chars = quoted.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            match c {
                '\'' if chars.next_if(|(_, next)| *next == '\'').is_some() => name.push('\''),
                '\'' => return Ok((Endpoint::File(name), &quoted[at + 1..])),
                c => name.push(c),
            }
        }
        return Err(usage("the name of the file has no closing quote"));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    match name.to_lowercase().as_str() {
        "" => Err(usage("there is no file")),
        "stdout" | "pstdout" | "stdin" | "pstdin" => Ok((Endpoint::Client, rest)),
        "program" => Err(ShellError::query(
            "\\copy does not start programs; copy to or from a file",
        )),
        _ => Ok((Endpoint::File(name.to_string()), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_cases::{Random, cases};

    fn source(text: &str) -> CopySource {
        CopyRequest::parse(&format!("{text} to stdout"))
            .unwrap()
            .source
    }

    #[test]
    fn sources_are_tables_columns_and_queries() {
        let table = |name: &str, columns: Option<&[&str]>| CopySource::Table {
            name: name.to_string(),
            columns: columns.map(|all| all.iter().map(|it| (*it).to_string()).collect()),
        };
        assert_eq!(source("public.t"), table("public.t", None));
        assert_eq!(source("'a to b.csv'"), table("'a to b.csv'", None));
        assert_eq!(
            source("t (a, \"B c\")"),
            table("t", Some(&["a", "\"B c\""]))
        );
        assert_eq!(
            source("(select ' to ', (1) from t)"),
            CopySource::Query("select ' to ', (1) from t".to_string())
        );
    }

    #[test]
    fn file_names_need_no_quotes() {
        for (text, expected) in [
            ("t to out.csv", "out.csv"),
            ("t TO 'it''s.csv'", "it's.csv"),
            ("t from '/a b/c.csv' csv header;", "/a b/c.csv"),
            ("t to s3://bucket/x.parquet", "s3://bucket/x.parquet"),
        ] {
            let request = CopyRequest::parse(text).unwrap();
            assert_eq!(request.endpoint, Endpoint::File(expected.into()), "{text}");
        }
        let request = CopyRequest::parse("t from pstdin csv").unwrap();
        assert_eq!((request.endpoint, request.to), (Endpoint::Client, false));
    }

    #[test]
    fn wrong_calls_are_explained() {
        for (text, expected) in [
            ("", "neither to nor from"),
            ("t", "neither to nor from"),
            ("to x.csv", "no table"),
            ("t to", "no file"),
            ("t to 'x.csv", "closing quote"),
            ("(select 1 to x.csv", "neither to nor from"),
            ("t (a to x.csv", "neither to nor from"),
            ("t (a b) to x.csv", "more than names"),
            ("t to program 'gzip'", "programs"),
            ("t to x.csv (format text)", "text and binary"),
            ("t to x.csv (format binary)", "text and binary"),
            ("t to x.parquet (header)", "need csv"),
            ("t to x (format json, header)", "the format is json"),
            ("t to x.csv csv nonsense", "nonsense"),
            ("t from x.csv csv where a > 1", "unknown option"),
            ("t to x.csv (format csv, force_quote (a))", "FORCE"),
            ("t to x.csv (format csv, delimiter '\"')", "must differ"),
        ] {
            let error = CopyRequest::parse(text).unwrap_err();
            assert!(error.message.contains(expected), "{text}: {error}");
        }
    }

    /// Reads random calls, none of which may panic. `SEMQL_FUZZ_CASES` sets their number.
    #[test]
    fn random_calls_are_read_or_refused() {
        const PIECES: &[&str] = &[
            "t",
            " to ",
            " from ",
            "(",
            ")",
            "'",
            "''",
            "\"",
            "x.csv",
            "stdout",
            " csv",
            " header",
            "(format csv",
            ", delimiter ';'",
            ";",
            ",",
            " ",
            "\\",
            "$$",
            "--",
            "/*",
            "ä",
            "\0",
            "program ",
        ];
        let mut random = Random::new(5);
        let mut read = 0;
        for _ in 0..cases(5_000) {
            let count = 1 + random.below(12);
            let text: String = (0..count).map(|_| random.pick(PIECES)).collect();
            read += usize::from(CopyRequest::parse(&text).is_ok());
        }
        assert!(read > 0);
    }
}
