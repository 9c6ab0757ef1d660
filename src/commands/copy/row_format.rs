//! Formats and options of `\copy`.

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{
    CopyLegacyOption, CopyOption, CopyTarget, Ident, Statement as Ast,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;

use super::usage::usage;
use crate::error::{Result, ShellError};
use crate::sources::format::{self, FormatKind};
use crate::statement::copy_format::{self, CopyFormat};

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

impl RowFormat {
    /// Reads the options of a copy with `file`; `None` is standard output or input.
    ///
    /// # Errors
    /// Syntax; options that are not supported.
    pub fn parse(file: Option<&str>, text: &str) -> Result<Self> {
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
                let delimiter = delimiter_of(file).ok_or_else(|| {
                    ShellError::query(
                        "\\copy: these options need csv, such as (format csv, header)",
                    )
                })?;
                let has_delimiter =
                    |option: &CopyOption| matches!(option, CopyOption::Delimiter(_));
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
fn delimiter_of(file: Option<&str>) -> Option<char> {
    match format::from_file_name(file?).ok()?.format.kind {
        FormatKind::Csv { delimiter, .. } => Some(char::from(delimiter)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(file: &str, options: &str) -> CopyFormat {
        match RowFormat::parse(Some(file), options).unwrap() {
            RowFormat::Csv(format) => format,
            other => panic!("{options}: {other:?}"),
        }
    }

    #[test]
    fn options_have_the_syntax_of_psql() {
        for (file, options) in [
            ("x.txt", "with (format csv, header, delimiter ';')"),
            ("x.txt", "(format csv, header true, delimiter ';')"),
            ("x.txt", "csv header delimiter ';'"),
            ("x.txt", "with csv header delimiter as ';'"),
            ("x.csv", "(header, delimiter ';')"),
        ] {
            let format = csv(file, options);
            assert_eq!((format.header, format.delimiter), (true, b';'), "{options}");
        }
        assert_eq!(csv("x.tsv", "(header)").delimiter, b'\t');
        assert!(!csv("x.csv", "csv").header);
        let named = RowFormat::parse(None, "(format parquet)").unwrap();
        assert!(matches!(named, RowFormat::Named(name) if name == "parquet"));
        let of_file = RowFormat::parse(Some("x.csv"), "").unwrap();
        assert!(matches!(of_file, RowFormat::OfFile));
    }
}
