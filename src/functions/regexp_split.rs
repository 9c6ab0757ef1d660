//! `regexp_split_to_array`: parts of a text between the matches of a regular expression.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::exec_datafusion_err;
use datafusion::error::Result;
use datafusion::logical_expr::Volatility;
use regex::{Regex, RegexBuilder};

use super::sql_function::{ArrayCall, FunctionSpec, as_text};

pub static REGEXP_SPLIT_TO_ARRAY: FunctionSpec = FunctionSpec {
    name: "regexp_split_to_array",
    syntax: "regexp_split_to_array(text, pattern [, flags])",
    description: "The parts of a text between the matches of a regular expression; the flag `i` ignores case. \
                  `regexp_split_to_table` is `unnest` of this function.",
    arity: (2, 3),
    coerce: as_text,
    result: |_, _| Ok(DataType::new_list(DataType::Utf8, true)),
    evaluate: split_rows,
    replace: None,
    keeps_nulls: false,
    volatility: Volatility::Immutable,
};

fn split_rows(call: &ArrayCall<'_>) -> Result<ArrayRef> {
    let texts = call.arguments[0].as_string::<i32>();
    let patterns = call.arguments[1].as_string::<i32>();
    let flags = call.arguments.get(2).map(|flags| flags.as_string::<i32>());
    let mut compiled: HashMap<(&str, &str), Regex> = HashMap::new();
    let mut out = ListBuilder::new(StringBuilder::new());
    for row in 0..call.rows {
        let flags = match flags {
            Some(flags) => flags.is_valid(row).then(|| flags.value(row)),
            None => Some(""),
        };
        let (true, true, Some(flags)) = (texts.is_valid(row), patterns.is_valid(row), flags) else {
            out.append_null();
            continue;
        };
        let key = (patterns.value(row), flags);
        let regex = match compiled.entry(key) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => free.insert(regex_of(key.0, flags)?),
        };
        for part in split(texts.value(row), regex) {
            out.values().append_value(part);
        }
        out.append(true);
    }
    Ok(Arc::new(out.finish()))
}

fn regex_of(pattern: &str, flags: &str) -> Result<Regex> {
    if let Some(unknown) = flags.chars().find(|flag| !"gi".contains(*flag)) {
        return Err(exec_datafusion_err!(
            "regexp_split_to_array has no flag '{unknown}'; it has 'i'"
        ));
    }
    RegexBuilder::new(pattern)
        .case_insensitive(flags.contains('i'))
        .build()
        .map_err(|error| exec_datafusion_err!("invalid regular expression '{pattern}': {error}"))
}

/// The parts of a text. As in Postgres, empty matches count only between characters, and
/// not right behind another match.
fn split<'a>(text: &'a str, regex: &Regex) -> Vec<&'a str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for found in regex.find_iter(text) {
        if found.is_empty() && (found.start() == start || found.end() == text.len()) {
            continue;
        }
        parts.push(&text[start..found.start()]);
        start = found.end();
    }
    parts.push(&text[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_split_as_in_postgres() {
        let of = |text, pattern| split(text, &regex_of(pattern, "").unwrap());
        assert_eq!(of("hello world", r"\s+"), ["hello", "world"]);
        assert_eq!(of("the fox", r"\s*"), ["t", "h", "e", "f", "o", "x"]);
        assert_eq!(of("a,b,", ","), ["a", "b", ""]);
        assert_eq!(of("", ","), [""]);
        assert_eq!(of("äö", ""), ["ä", "ö"]);
        assert_eq!(split("aXb", &regex_of("x", "i").unwrap()), ["a", "b"]);
        assert!(regex_of("(", "").is_err());
        assert!(regex_of("a", "q").is_err());
    }
}
