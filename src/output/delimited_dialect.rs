//! Dialects of delimited text that is written.

use arrow::util::display::FormatOptions;
use datafusion::common::parsers::CsvQuoteStyle;
use datafusion::config::CsvOptions;

use crate::error::{Result, ShellError};

/// How rows are written as lines.
#[derive(Clone, Debug)]
pub struct DelimitedDialect {
    pub delimiter: char,
    pub header: bool,
    /// Text of NULL, without quotes.
    pub null: String,
    pub formats: TimeFormats,
    terminator: String,
    escaping: Escaping,
    /// Whether blanks at the start and at the end of values are left out.
    trims: (bool, bool),
}

/// How characters within values are told from delimiters and ends of lines.
#[derive(Clone, Debug)]
enum Escaping {
    Quotes {
        quote: char,
        /// Character before a quote within quotes: the quote, or an escape.
        escape: char,
        style: CsvQuoteStyle,
    },
    /// Tabs and line ends are `\t` and `\n`, a backslash is doubled.
    Backslashes,
}

/// Formats of dates and times; by default, ISO 8601.
#[derive(Clone, Debug, Default)]
pub struct TimeFormats {
    date: Option<String>,
    datetime: Option<String>,
    timestamp: Option<String>,
    timestamp_tz: Option<String>,
    time: Option<String>,
}

impl TimeFormats {
    /// Options of the engine's formatter. A value without a text is an error.
    pub fn options(&self) -> FormatOptions<'_> {
        FormatOptions::new()
            .with_display_error(false)
            .with_date_format(self.date.as_deref())
            .with_datetime_format(self.datetime.as_deref())
            .with_timestamp_format(self.timestamp.as_deref())
            .with_timestamp_tz_format(self.timestamp_tz.as_deref())
            .with_time_format(self.time.as_deref())
    }
}

impl DelimitedDialect {
    /// CSV by RFC 4180, with quotes only around values that need them. NULL is an
    /// empty field, an empty text is `""`.
    pub fn csv(header: bool) -> Self {
        Self {
            delimiter: ',',
            header,
            null: String::new(),
            formats: TimeFormats::default(),
            terminator: "\n".to_string(),
            escaping: Escaping::Quotes {
                quote: '"',
                escape: '"',
                style: CsvQuoteStyle::Necessary,
            },
            trims: (false, false),
        }
    }

    /// TSV of which each row is one line, without quotes.
    pub fn tsv(header: bool) -> Self {
        Self {
            delimiter: '\t',
            escaping: Escaping::Backslashes,
            ..Self::csv(header)
        }
    }

    /// CSV with the options of a statement.
    pub fn of_options(options: &CsvOptions) -> Self {
        let quote = char::from(options.quote);
        let escape = match (options.double_quote, options.escape) {
            (Some(true) | None, None) | (Some(true), Some(_)) => quote,
            (Some(false), None) => '\\',
            (Some(false) | None, Some(escape)) => char::from(escape),
        };
        Self {
            delimiter: char::from(options.delimiter),
            header: options.has_header.unwrap_or(true),
            null: options.null_value.clone().unwrap_or_default(),
            formats: TimeFormats {
                date: options.date_format.clone(),
                datetime: options.datetime_format.clone(),
                timestamp: options.timestamp_format.clone(),
                timestamp_tz: options.timestamp_tz_format.clone(),
                time: options.time_format.clone(),
            },
            terminator: char::from(options.terminator.unwrap_or(b'\n')).to_string(),
            escaping: Escaping::Quotes {
                quote,
                escape,
                style: options.quote_style,
            },
            trims: (
                options.ignore_leading_whitespace == Some(true),
                options.ignore_trailing_whitespace == Some(true),
            ),
        }
    }

    pub fn end_line(&self, line: &mut String) {
        line.push_str(&self.terminator);
    }

    /// Appends a value that is not NULL.
    ///
    /// # Errors
    /// A value that needs quotes, where the options forbid them.
    pub fn push_value(&self, value: &str, is_number: bool, line: &mut String) -> Result<()> {
        let Escaping::Quotes {
            quote,
            escape,
            style,
        } = self.escaping
        else {
            push_escaped(value, line);
            return Ok(());
        };
        let (leading, trailing) = self.trims;
        let value = if leading { value.trim_start() } else { value };
        let value = if trailing { value.trim_end() } else { value };
        let needed = self.needs_quotes(value, quote, escape);
        let quoted = match style {
            CsvQuoteStyle::Always => true,
            CsvQuoteStyle::NonNumeric => needed || !is_number,
            CsvQuoteStyle::Necessary => needed,
            CsvQuoteStyle::Never if needed && !value.is_empty() => {
                return Err(ShellError::query(format!(
                    "the value '{}' cannot be written without quotes, which the option quote_style forbids; \
                     use quote_style 'Necessary'",
                    value.chars().take(40).collect::<String>()
                )));
            }
            CsvQuoteStyle::Never => false,
        };
        if !quoted {
            line.push_str(value);
            return Ok(());
        }
        line.push(quote);
        for c in value.chars() {
            if c == quote || c == escape {
                line.push(escape);
            }
            line.push(c);
        }
        line.push(quote);
        Ok(())
    }

    fn needs_quotes(&self, value: &str, quote: char, escape: char) -> bool {
        let special =
            |c: char| matches!(c, '\n' | '\r') || [quote, escape, self.delimiter].contains(&c);
        // Some readers trim values without quotes. The text of NULL without quotes
        // would be NULL.
        value == self.null
            || value.is_empty()
            || value.contains(special)
            || value.contains(&self.terminator)
            || value.trim().len() != value.len()
    }
}

fn push_escaped(value: &str, line: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\t' => line.push_str("\\t"),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            c => line.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(options: CsvOptions, value: &str) -> Result<String> {
        let mut line = String::new();
        DelimitedDialect::of_options(&options).push_value(value, false, &mut line)?;
        Ok(line)
    }

    #[test]
    fn quotes_are_doubled_or_escaped() {
        let plain = CsvOptions::default();
        assert_eq!(written(plain.clone(), "a\"b").unwrap(), "\"a\"\"b\"");
        let escaped = CsvOptions {
            escape: Some(b'\\'),
            ..plain
        };
        assert_eq!(written(escaped.clone(), "a\"b").unwrap(), "\"a\\\"b\"");
        assert_eq!(written(escaped, "c:\\d").unwrap(), "\"c:\\\\d\"");
    }

    #[test]
    fn the_text_of_null_is_quoted_as_a_value() {
        let options = CsvOptions {
            null_value: Some("NULL".into()),
            delimiter: b';',
            ..CsvOptions::default()
        };
        let of = |value: &str| written(options.clone(), value).unwrap();
        assert_eq!(of("NULL"), "\"NULL\"");
        assert_eq!(of(""), "\"\"");
        assert_eq!(of("a,b"), "a,b");
        assert_eq!(of("a;b"), "\"a;b\"");
        assert_eq!(of(" a"), "\" a\"");
    }

    #[test]
    fn values_that_need_quotes_are_refused_where_quotes_are_forbidden() {
        let options = CsvOptions {
            quote_style: CsvQuoteStyle::Never,
            ..CsvOptions::default()
        };
        assert_eq!(written(options.clone(), "a b").unwrap(), "a b");
        let error = written(options, "a,b").unwrap_err();
        assert!(error.message.contains("quote_style"), "{error}");
    }
}
