//! Paths in JSON documents as DuckDB and SQLite write them: `$.a[0]."b c"`.

use datafusion::common::exec_err;
use datafusion::error::Result;

use super::json_document::quoted;

/// Step of a path in a document.
#[derive(Clone, Debug, PartialEq)]
pub enum JsonStep {
    /// A value of an object, by its key in quotes.
    Key(String),
    /// A value of an array, from the end if negative.
    Element(i64),
    /// An element where the text is a number and the value an array, else a key.
    Either(String),
}

/// The steps of a path. A text without `$` is one key.
///
/// # Errors
/// A path that does not follow the syntax.
pub fn steps(path: &str) -> Result<Vec<JsonStep>> {
    let Some(mut rest) = path.strip_prefix('$') else {
        return Ok(vec![JsonStep::Key(quoted(path))]);
    };
    let mut steps = Vec::new();
    while !rest.is_empty() {
        let (step, left) = match next_step(rest) {
            Some(step) => step,
            None => {
                return exec_err!(
                    "'{path}' is not a path of JSON at '{rest}'; a path is '$.key', '$[0]', or several of these"
                );
            }
        };
        steps.push(step);
        rest = left;
    }
    Ok(steps)
}

/// The first step of a path, and what follows.
fn next_step(path: &str) -> Option<(JsonStep, &str)> {
    if let Some(rest) = path.strip_prefix('[') {
        let (position, rest) = rest.split_once(']')?;
        // From the end in SQLite's syntax too.
        let position = position.strip_prefix('#').unwrap_or(position);
        return Some((JsonStep::Element(position.parse().ok()?), rest));
    }
    let rest = path.strip_prefix('.')?;
    if let Some(rest) = rest.strip_prefix('"') {
        let (key, rest) = rest.split_once('"')?;
        return Some((JsonStep::Key(quoted(key)), rest));
    }
    let end = rest.find(['.', '[']).unwrap_or(rest.len());
    let (key, rest) = rest.split_at(end);
    // `*` would be many values.
    let is_key = !key.is_empty() && key != "*";
    is_key.then(|| (JsonStep::Key(quoted(key)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_keys_and_positions() {
        let key = |key: &str| JsonStep::Key(format!("\"{key}\""));
        for (path, expected) in [
            ("$", vec![]),
            ("$.a", vec![key("a")]),
            ("$.a[0].b", vec![key("a"), JsonStep::Element(0), key("b")]),
            ("$[#-1]", vec![JsonStep::Element(-1)]),
            ("$.\"a.b\".c", vec![key("a.b"), key("c")]),
            ("a.b", vec![key("a.b")]),
        ] {
            assert_eq!(steps(path).unwrap(), expected, "{path}");
        }
        for path in ["$a", "$.", "$..a", "$[x]", "$[0", "$.\"a", "$.*"] {
            assert!(steps(path).is_err(), "{path}");
        }
    }
}
