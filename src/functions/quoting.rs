//! Quoting: `quote_ident`, `quote_literal`, `quote_nullable` and `format`.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringBuilder};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;
use datafusion::sql::sqlparser::keywords::{
    ALL_KEYWORDS, ALL_KEYWORDS_INDEX, RESERVED_FOR_IDENTIFIER,
};

use super::sql_function::{ArrayCall, FunctionSpec, as_given, returns_text};
use super::value_text::{RowTexts, row_texts};

pub static QUOTE_IDENT: FunctionSpec = FunctionSpec {
    name: "quote_ident",
    syntax: "quote_ident(text)",
    description: "The text as a name in SQL, in double quotes where it needs them.",
    arity: (1, 1),
    coerce: as_given,
    result: returns_text,
    evaluate: |call| each(call, |text| text.map(quoted_name)),
    replace: None,
    keeps_nulls: true,
    volatility: Volatility::Immutable,
};

pub static QUOTE_LITERAL: FunctionSpec = FunctionSpec {
    name: "quote_literal",
    syntax: "quote_literal(value)",
    description: "The value as a literal in SQL, in single quotes.",
    arity: (1, 1),
    coerce: as_given,
    result: returns_text,
    evaluate: |call| each(call, |text| text.map(quoted_literal)),
    replace: None,
    keeps_nulls: true,
    volatility: Volatility::Stable,
};

pub static QUOTE_NULLABLE: FunctionSpec = FunctionSpec {
    name: "quote_nullable",
    syntax: "quote_nullable(value)",
    description: "The value as a literal in SQL; the word NULL for NULL.",
    arity: (1, 1),
    coerce: as_given,
    result: returns_text,
    evaluate: |call| each(call, |text| Some(nullable_literal(text))),
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Stable,
};

pub static FORMAT: FunctionSpec = FunctionSpec {
    name: "format",
    syntax: "format(template [, value, ...])",
    description: "The template with values in place of `%s`, names in place of `%I` and literals in place of \
                  `%L`. `%2$s` is the second value, `%-10s` has a width.",
    arity: (1, 100),
    coerce: as_given,
    result: returns_text,
    evaluate: format_rows,
    replace: None,
    keeps_nulls: true,
    volatility: Volatility::Stable,
};

fn each(call: &ArrayCall<'_>, convert: fn(Option<&str>) -> Option<String>) -> Result<ArrayRef> {
    let texts = row_texts(&call.arguments[0], &call.session_zone())?;
    let mut out = StringBuilder::new();
    for row in 0..call.rows {
        out.append_option(convert(texts(row)?.as_deref()));
    }
    Ok(Arc::new(out.finish()))
}

/// A name, in quotes unless it is lower case and no reserved word.
fn quoted_name(name: &str) -> String {
    let mut chars = name.chars();
    let starts_well = chars
        .next()
        .is_some_and(|ch| ch.is_ascii_lowercase() || ch == '_');
    let is_plain = starts_well
        && chars.all(|ch| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '_')
        && !is_reserved(name);
    match is_plain {
        true => name.to_string(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

fn is_reserved(name: &str) -> bool {
    let name = name.to_uppercase();
    let keyword = ALL_KEYWORDS.binary_search(&name.as_str());
    keyword.is_ok_and(|at| {
        let keyword = &ALL_KEYWORDS_INDEX[at];
        RESERVED_FOR_IDENTIFIER.contains(keyword)
            || datafusion::sql::sqlparser::keywords::RESERVED_FOR_COLUMN_ALIAS.contains(keyword)
            || datafusion::sql::sqlparser::keywords::RESERVED_FOR_TABLE_ALIAS.contains(keyword)
    })
}

fn quoted_literal(text: &str) -> String {
    let escaped = text.replace('\'', "''");
    match escaped.contains('\\') {
        true => format!("E'{}'", escaped.replace('\\', "\\\\")),
        false => format!("'{escaped}'"),
    }
}

fn nullable_literal(text: Option<&str>) -> String {
    text.map_or_else(|| "NULL".to_string(), quoted_literal)
}

fn format_rows(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let zone = call.session_zone();
    let columns: Vec<RowTexts> = call
        .arguments
        .iter()
        .map(|argument| row_texts(argument, &zone))
        .collect::<Result<_>>()?;
    let mut out = StringBuilder::new();
    for row in 0..call.rows {
        let texts: Vec<Option<String>> = columns
            .iter()
            .map(|texts| texts(row))
            .collect::<Result<_>>()?;
        match texts.split_first() {
            Some((Some(template), values)) => match formatted(template, values) {
                Ok(text) => out.append_value(text),
                Err(why) => return exec_err!("format('{template}'): {why}"),
            },
            _ => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn formatted(template: &str, values: &[Option<String>]) -> std::result::Result<String, String> {
    let mut out = String::new();
    let mut rest = template;
    let mut next = 0;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (number, after) = leading_number(after);
        let (position, width, after) = match (number, after.strip_prefix('$')) {
            (Some(position), Some(after)) => (Some(position), None, after),
            (width, _) => (None, width, after),
        };
        let (is_left, after) = match after.strip_prefix('-') {
            Some(after) => (true, after),
            None => (false, after),
        };
        let (second, after) = leading_number(after);
        let width = width.or(second).unwrap_or(0);
        let mut kinds = after.chars();
        let kind = kinds.next();
        rest = kinds.as_str();
        let at = match position {
            Some(0) => return Err("the position 0 is before the first value".to_string()),
            Some(position) => position - 1,
            None => next,
        };
        next = at + 1;
        let value = values
            .get(at)
            .ok_or_else(|| format!("it needs {} values, and has {}", at + 1, values.len()))?;
        let text = match (kind, value) {
            (Some('s'), value) => value.clone().unwrap_or_default(),
            (Some('L'), value) => nullable_literal(value.as_deref()),
            (Some('I'), Some(name)) => quoted_name(name),
            (Some('I'), None) => return Err("NULL is not a name".to_string()),
            (Some(other), _) => {
                return Err(format!(
                    "the conversion %{other} is unknown; use %s, %I or %L"
                ));
            }
            (None, _) => return Err("it ends in a %".to_string()),
        };
        let width = width.min(10_000);
        let written = match is_left {
            true => write!(out, "{text:<width$}"),
            false => write!(out, "{text:>width$}"),
        };
        written.map_err(|error| error.to_string())?;
    }
    out.push_str(rest);
    Ok(out)
}

fn leading_number(text: &str) -> (Option<usize>, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at(end);
    (digits.parse().ok(), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_literals_are_quoted_as_in_postgres() {
        for (name, expected) in [
            ("abc_1", "abc_1"),
            ("Abc", "\"Abc\""),
            ("a b", "\"a b\""),
            ("select", "\"select\""),
            ("1a", "\"1a\""),
            ("a\"b", "\"a\"\"b\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted_name(name), expected);
        }
        assert_eq!(quoted_literal("O'Reilly"), "'O''Reilly'");
        assert_eq!(quoted_literal("a\\b"), "E'a\\\\b'");
    }

    #[test]
    fn templates_are_filled() {
        let values = [Some("a b".to_string()), Some("x'y".to_string()), None];
        for (template, expected) in [
            ("%I.%L %s", "\"a b\".'x''y' "),
            ("%2$s %1$s", "x'y a b"),
            ("100%% %s|%5s|", "100% a b|  x'y|"),
            ("%-5s|", "a b  |"),
            ("%3$L", "NULL"),
        ] {
            assert_eq!(formatted(template, &values).as_deref(), Ok(expected));
        }
        for template in ["%", "%d", "%s %s %s %s", "%3$I", "%0$s"] {
            assert!(formatted(template, &values).is_err(), "{template}");
        }
    }
}
