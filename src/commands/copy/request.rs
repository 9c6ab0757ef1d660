//! Syntax of `\copy`: the statement COPY of Postgres, with file names of the client.

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    CopyLegacyOption, CopyOption, CopyTarget, Ident, Statement as Ast,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use crate::error::{Result, ShellError};
use crate::script::Cursor;
use crate::sources::format::{self, FormatKind};
use crate::statement::copy_format::{self, CopyFormat};

const USAGE: &str = "\\copy TABLE [(COLUMNS)] or (QUERY), then to or from, 'FILE' and options \
     such as (format csv, header)";

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

/// Format of the rows.
#[derive(Debug)]
pub enum RowFormat {
    /// The one that the name of the file implies.
    OfFile,
    /// A format of files without options, such as `parquet`.
    Named(String),
    /// CSV with the options of Postgres.
    Csv(CopyFormat),
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
        let format = row_format(&endpoint, options)?;
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

fn row_format(endpoint: &Endpoint, text: &str) -> Result<RowFormat> {
    let (mut options, legacy) = options(text)?;
    if options.is_empty() && legacy.is_empty() {
        return Ok(RowFormat::OfFile);
    }
    let named = options.iter().find_map(|option| match option {
        CopyOption::Format(name) => Some(name.value.to_lowercase()),
        _ => None,
    });
    let is_csv = legacy
        .iter()
        .any(|option| matches!(option, CopyLegacyOption::Csv(_)));
    match named.as_deref() {
        Some("csv") => {}
        Some("text" | "binary") => {
            return Err(ShellError::query(
                "\\copy does not write or read Postgres' formats text and binary; \
                 choose csv, or a format of files such as parquet",
            ));
        }
        Some(name) if options.len() == 1 && legacy.is_empty() => {
            return Ok(RowFormat::Named(name.to_string()));
        }
        Some(name) => {
            return Err(ShellError::query(format!(
                "\\copy: the other options need (format csv), and the format is {name}"
            )));
        }
        None if is_csv => {}
        None => {
            let delimiter = delimiter_of(endpoint).ok_or_else(|| {
                ShellError::query("\\copy: these options need csv, such as (format csv, header)")
            })?;
            let has_delimiter = |option: &CopyOption| matches!(option, CopyOption::Delimiter(_));
            if !options.iter().any(has_delimiter) {
                options.push(CopyOption::Delimiter(delimiter));
            }
            options.push(CopyOption::Format(Ident::new("csv")));
        }
    }
    let format = copy_format::format(&options, &legacy)?;
    let forced = [
        &format.force_quote,
        &format.force_not_null,
        &format.force_null,
    ];
    if forced.iter().any(|columns| !columns.is_empty()) {
        return Err(ShellError::query(
            "\\copy does not support the FORCE options; quotes are written where values need them",
        ));
    }
    Ok(RowFormat::Csv(format))
}

/// Options of COPY, in the syntax of today and of old versions.
fn options(text: &str) -> Result<(Vec<CopyOption>, Vec<CopyLegacyOption>)> {
    let sql = format!("t TO STDOUT {text}");
    let mut parser = Parser::new(&GenericDialect {})
        .try_with_sql(&sql)
        .map_err(DataFusionError::from)?;
    let copy = parser.parse_copy().map_err(DataFusionError::from)?;
    let rest = parser.peek_token_ref();
    if rest.token != Token::EOF {
        return Err(usage(&format!("unknown option '{}'", rest.token)));
    }
    match copy {
        Ast::Copy {
            target: CopyTarget::Stdout,
            options,
            legacy_options,
            ..
        } => Ok((options, legacy_options)),
        _ => Err(usage("the options are not those of COPY")),
    }
}

/// Delimiter of a file of delimited text, by its name.
fn delimiter_of(endpoint: &Endpoint) -> Option<char> {
    let Endpoint::File(name) = endpoint else {
        return None;
    };
    match format::from_file_name(name).ok()?.format.kind {
        FormatKind::Csv { delimiter, .. } => Some(char::from(delimiter)),
        _ => None,
    }
}

fn usage(problem: &str) -> ShellError {
    ShellError::query(format!("\\copy: {problem}; write {USAGE}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> CopySource {
        CopyRequest::parse(&format!("{text} to stdout"))
            .unwrap()
            .source
    }

    fn csv(text: &str) -> CopyFormat {
        match CopyRequest::parse(text).unwrap().format {
            RowFormat::Csv(format) => format,
            other => panic!("{text}: {other:?}"),
        }
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
    fn options_have_the_syntax_of_psql() {
        for text in [
            "t to x.txt with (format csv, header, delimiter ';')",
            "t to x.txt (format csv, header true, delimiter ';')",
            "t to x.txt csv header delimiter ';'",
            "t to x.txt with csv header delimiter as ';'",
            "t to x.csv (header, delimiter ';')",
        ] {
            let format = csv(text);
            assert_eq!((format.header, format.delimiter), (true, b';'), "{text}");
        }
        assert_eq!(csv("t from x.tsv (header)").delimiter, b'\t');
        assert!(!csv("t from x.csv csv").header);
        let request = CopyRequest::parse("t to x (format parquet)").unwrap();
        assert!(matches!(request.format, RowFormat::Named(name) if name == "parquet"));
        let request = CopyRequest::parse("t to x.csv").unwrap();
        assert!(matches!(request.format, RowFormat::OfFile));
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
}
