//! Patterns of SQL as regular expressions and as patterns of the engine.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;

use super::sql_function::{ArrayCall, FunctionSpec, as_text, returns_text};

pub static SIMILAR_TO_ESCAPE: FunctionSpec = FunctionSpec {
    name: "similar_to_escape",
    syntax: "similar_to_escape(pattern [, escape])",
    description: "The regular expression of a pattern of `SIMILAR TO`.",
    arity: (1, 2),
    coerce: as_text,
    result: returns_text,
    evaluate: |call| of_patterns(call, similar_to_regex),
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Immutable,
};

pub static LIKE_ESCAPE: FunctionSpec = FunctionSpec {
    name: "like_escape",
    syntax: "like_escape(pattern, escape)",
    description: "The pattern of `LIKE` with a backslash in place of another escape character.",
    arity: (2, 2),
    coerce: as_text,
    result: returns_text,
    evaluate: |call| of_patterns(call, like_with_backslash),
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Immutable,
};

/// Applies a function of a pattern and its escape character to all rows.
fn of_patterns(
    call: &ArrayCall<'_>,
    convert: fn(&str, Option<char>) -> std::result::Result<String, String>,
) -> Result<ArrayRef> {
    let patterns = call.arguments[0].as_string::<i32>();
    let escapes = call.arguments.get(1).map(|array| array.as_string::<i32>());
    let mut out = Vec::with_capacity(call.rows);
    for (row, pattern) in patterns.iter().enumerate() {
        let escape = match escapes {
            None => Some(Some('\\')),
            Some(escapes) if escapes.is_null(row) => None,
            Some(escapes) => Some(escape_char(escapes.value(row))?),
        };
        out.push(match (pattern, escape) {
            (Some(pattern), Some(escape)) => match convert(pattern, escape) {
                Ok(text) => Some(text),
                Err(why) => return exec_err!("invalid pattern '{pattern}': {why}"),
            },
            _ => None,
        });
    }
    Ok(Arc::new(StringArray::from(out)))
}

/// The character of an escape text; none for an empty one.
fn escape_char(escape: &str) -> Result<Option<char>> {
    let mut chars = escape.chars();
    match (chars.next(), chars.next()) {
        (first, None) => Ok(first),
        _ => exec_err!("the escape text '{escape}' has more than one character"),
    }
}

fn like_with_backslash(pattern: &str, escape: Option<char>) -> std::result::Result<String, String> {
    let mut out = String::with_capacity(pattern.len() + 4);
    let mut chars = pattern.chars();
    while let Some(ch) = chars.next() {
        if Some(ch) == escape {
            let Some(escaped) = chars.next() else {
                return Err("it ends in its escape character".to_string());
            };
            if matches!(escaped, '%' | '_' | '\\') {
                out.push('\\');
            }
            out.push(escaped);
        } else {
            if ch == '\\' {
                out.push('\\');
            }
            out.push(ch);
        }
    }
    Ok(out)
}

/// `a%(b|c)_` as `^(?s:a.*(?:b|c).)$`.
fn similar_to_regex(pattern: &str, escape: Option<char>) -> std::result::Result<String, String> {
    let mut out = "^(?s:".to_string();
    let mut chars = pattern.chars();
    let mut depth = 0_usize;
    let mut in_class = false;
    while let Some(ch) = chars.next() {
        if Some(ch) == escape {
            let Some(escaped) = chars.next() else {
                return Err("it ends in its escape character".to_string());
            };
            if escaped == '"' {
                return Err("separators (escape and a double quote) are not supported".to_string());
            }
            push_literal(&mut out, escaped);
            continue;
        }
        if in_class {
            match ch {
                ']' => in_class = false,
                '\\' | '[' | '&' | '~' => out.push('\\'),
                _ => {}
            }
            out.push(ch);
            continue;
        }
        match ch {
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '(' => {
                depth += 1;
                out.push_str("(?:");
            }
            ')' => {
                depth = depth.checked_sub(1).ok_or("a parenthesis is not opened")?;
                out.push(')');
            }
            '[' => {
                in_class = true;
                out.push('[');
                let mut ahead = chars.clone();
                if ahead.next() == Some('^') {
                    out.push('^');
                    chars = ahead;
                }
            }
            '|' | '*' | '+' | '?' | '{' | '}' => out.push(ch),
            other => push_literal(&mut out, other),
        }
    }
    if in_class || depth > 0 {
        return Err("a parenthesis or a bracket is not closed".to_string());
    }
    out.push_str(")$");
    Ok(out)
}

/// Appends a character that stands for itself.
fn push_literal(out: &mut String, ch: char) {
    if "\\.+*?()|[]{}^$#&-~".contains(ch) {
        out.push('\\');
    }
    out.push(ch);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_become_regular_expressions() {
        for (pattern, expected) in [
            ("a%", "^(?s:a.*)$"),
            ("_(b|c)*", "^(?s:.(?:b|c)*)$"),
            ("a.b\\%", "^(?s:a\\.b%)$"),
            ("[^a-z]{2,3}", "^(?s:[^a-z]{2,3})$"),
            ("[.$]", "^(?s:[.$])$"),
        ] {
            let regex = similar_to_regex(pattern, Some('\\'));
            assert_eq!(regex.as_deref(), Ok(expected), "{pattern}");
        }
        for pattern in ["(a", "a)", "[a", "a\\"] {
            assert!(similar_to_regex(pattern, Some('\\')).is_err(), "{pattern}");
        }
    }

    #[test]
    fn other_escape_characters_become_a_backslash() {
        let convert = |pattern, escape| like_with_backslash(pattern, escape).unwrap();
        assert_eq!(convert("10!%!!", Some('!')), "10\\%!");
        assert_eq!(convert("a\\%", Some('!')), "a\\\\%");
        assert_eq!(convert("a\\_", None), "a\\\\_");
        assert!(like_with_backslash("a!", Some('!')).is_err());
    }
}
