//! Options of Postgres' COPY with a client.

use datafusion::sql::sqlparser::ast::{CopyLegacyCsvOption, CopyLegacyOption, CopyOption, Ident};

use crate::error::{ErrorKind, Result, ShellError};

/// Kind of the format of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyKind {
    Text,
    Csv,
    Binary,
}

/// Format of the rows of COPY.
#[derive(Clone, Debug)]
pub struct CopyFormat {
    pub kind: CopyKind,
    pub header: bool,
    pub delimiter: u8,
    pub null: String,
    pub quote: u8,
    pub escape: u8,
    /// Columns whose values are quoted in CSV, also where it is not necessary.
    pub force_quote: Vec<String>,
    /// Columns in which an unquoted null string is a text.
    pub force_not_null: Vec<String>,
    /// Columns in which a quoted null string is NULL.
    pub force_null: Vec<String>,
}

/// Options as they are written.
#[derive(Default)]
struct GivenOptions {
    kind: Option<CopyKind>,
    header: bool,
    delimiter: Option<char>,
    null: Option<String>,
    quote: Option<char>,
    escape: Option<char>,
    force_quote: Vec<String>,
    force_not_null: Vec<String>,
    force_null: Vec<String>,
}

/// Format in the options of a statement.
///
/// # Errors
/// Options that are not supported or do not go together.
pub fn format(options: &[CopyOption], legacy: &[CopyLegacyOption]) -> Result<CopyFormat> {
    let mut given = GivenOptions::default();
    for option in options {
        given.add(option)?;
    }
    for option in legacy {
        given.add_legacy(option)?;
    }
    given.format()
}

impl GivenOptions {
    fn add(&mut self, option: &CopyOption) -> Result<()> {
        match option {
            CopyOption::Format(name) => {
                self.kind = Some(match name.value.to_lowercase().as_str() {
                    "csv" => CopyKind::Csv,
                    "text" => CopyKind::Text,
                    "binary" => CopyKind::Binary,
                    other => return Err(unsupported(&format!("FORMAT {other}"))),
                });
            }
            CopyOption::Header(on) => self.header = *on,
            CopyOption::Delimiter(c) => self.delimiter = Some(*c),
            CopyOption::Null(text) => self.null = Some(text.clone()),
            CopyOption::Quote(c) => self.quote = Some(*c),
            CopyOption::Escape(c) => self.escape = Some(*c),
            CopyOption::ForceQuote(columns) => self.force_quote = names(columns),
            CopyOption::ForceNotNull(columns) => self.force_not_null = names(columns),
            CopyOption::ForceNull(columns) => self.force_null = names(columns),
            CopyOption::Encoding(name) if is_utf8(name) => {}
            // Rows appear at once, frozen or not.
            CopyOption::Freeze(_) => {}
            other => return Err(unsupported(&other.to_string())),
        }
        Ok(())
    }

    fn add_legacy(&mut self, option: &CopyLegacyOption) -> Result<()> {
        match option {
            CopyLegacyOption::Binary => self.kind = Some(CopyKind::Binary),
            CopyLegacyOption::Csv(options) => {
                self.kind = Some(CopyKind::Csv);
                for option in options {
                    self.add_legacy_csv(option)?;
                }
            }
            CopyLegacyOption::Header => self.header = true,
            CopyLegacyOption::Delimiter(c) => self.delimiter = Some(*c),
            CopyLegacyOption::Null(text) => self.null = Some(text.clone()),
            other => return Err(unsupported(&other.to_string())),
        }
        Ok(())
    }

    fn add_legacy_csv(&mut self, option: &CopyLegacyCsvOption) -> Result<()> {
        match option {
            CopyLegacyCsvOption::Header => self.header = true,
            CopyLegacyCsvOption::Quote(c) => self.quote = Some(*c),
            CopyLegacyCsvOption::Escape(c) => self.escape = Some(*c),
            CopyLegacyCsvOption::ForceQuote(columns) => self.force_quote = names(columns),
            CopyLegacyCsvOption::ForceNotNull(columns) => self.force_not_null = names(columns),
        }
        Ok(())
    }

    fn format(self) -> Result<CopyFormat> {
        let kind = self.kind.unwrap_or(CopyKind::Text);
        let forced = [&self.force_quote, &self.force_not_null, &self.force_null];
        let of_csv = self.quote.is_some()
            || self.escape.is_some()
            || forced.iter().any(|columns| !columns.is_empty());
        if kind != CopyKind::Csv && of_csv {
            return Err(wrong("QUOTE, ESCAPE and FORCE options need FORMAT csv"));
        }
        let of_text = self.header || self.delimiter.is_some() || self.null.is_some();
        if kind == CopyKind::Binary && of_text {
            return Err(wrong("HEADER, DELIMITER and NULL need FORMAT text or csv"));
        }
        let one = |c: Option<char>, default: u8| match c {
            None => Ok(default),
            Some(c) if c.is_ascii() && !matches!(c, '\n' | '\r') => Ok(c as u8),
            Some(_) => Err(wrong(
                "DELIMITER, QUOTE and ESCAPE must be one ASCII character each",
            )),
        };
        let is_csv = kind == CopyKind::Csv;
        let quote = one(self.quote, b'"')?;
        let format = CopyFormat {
            kind,
            header: self.header,
            delimiter: one(self.delimiter, if is_csv { b',' } else { b'\t' })?,
            null: self.null.unwrap_or_else(|| match is_csv {
                true => String::new(),
                false => "\\N".to_string(),
            }),
            quote,
            escape: one(self.escape, quote)?,
            force_quote: self.force_quote,
            force_not_null: self.force_not_null,
            force_null: self.force_null,
        };
        if is_csv && format.delimiter == format.quote {
            return Err(wrong("DELIMITER and QUOTE must differ"));
        }
        if format.null.contains(['\n', '\r']) {
            return Err(wrong("the NULL string must not contain a line break"));
        }
        Ok(format)
    }
}

fn names(columns: &[Ident]) -> Vec<String> {
    columns.iter().map(|column| column.value.clone()).collect()
}

fn is_utf8(name: &str) -> bool {
    ["utf8", "utf-8"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
}

fn wrong(message: &str) -> ShellError {
    ShellError::query(format!("COPY: {message}"))
}

fn unsupported(option: &str) -> ShellError {
    ShellError::of_kind(
        ErrorKind::NotSupported,
        format!(
            "COPY with a client does not support {option}; it supports FORMAT text, csv and binary, HEADER, DELIMITER, NULL, QUOTE, ESCAPE and FORCE options"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::parsed::{ConnectionCommand, StatementCommand};
    use crate::statement::parser;

    fn of(sql: &str) -> Result<CopyFormat> {
        match parser::parse_one(sql)?.command {
            StatementCommand::Connection(ConnectionCommand::CopyOut(copy)) => {
                format(&copy.options, &copy.legacy_options)
            }
            other => panic!("{sql}: {other:?}"),
        }
    }

    #[test]
    fn options_set_the_format() {
        assert_eq!(of("COPY t TO STDOUT").unwrap().kind, CopyKind::Text);
        for csv in [
            "COPY (SELECT 1 AS x) TO STDOUT (FORMAT csv, HEADER true, DELIMITER ';')",
            "COPY (SELECT 1 AS x) TO STDOUT WITH CSV HEADER DELIMITER ';'",
        ] {
            let format = of(csv).unwrap();
            assert_eq!((format.kind, format.header), (CopyKind::Csv, true), "{csv}");
            assert_eq!(format.delimiter, b';');
        }
        for binary in [
            "COPY t TO STDOUT (FORMAT binary)",
            "COPY t TO STDOUT WITH BINARY",
        ] {
            assert_eq!(of(binary).unwrap().kind, CopyKind::Binary);
        }
    }

    #[test]
    fn options_that_do_not_go_together_are_refused() {
        for wrong in [
            "COPY t TO STDOUT (QUOTE '\"')",
            "COPY t TO STDOUT (FORMAT binary, HEADER true)",
            "COPY t TO STDOUT (FORMAT csv, DELIMITER '\"')",
            "COPY t TO STDOUT (FORMAT csv, ENCODING 'latin1')",
            "COPY t TO STDOUT (FORMAT parquet)",
            "COPY t TO STDOUT (FORMAT csv, DELIMITER 'é')",
        ] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
