//! Regular expressions of definitions.

use regex::{Regex, RegexBuilder};

/// Largest compiled pattern, and the largest cache of its search, in bytes.
const MAX_COMPILED_BYTES: usize = 4 << 20;

/// Deepest nesting of groups.
const MAX_NESTING: u32 = 64;

/// Most matches of a pattern in one text. A search is linear in the text, and hostile
/// patterns search to its end for each match.
const MAX_MATCHES: usize = 1_000;

/// Compiles a pattern.
///
/// # Errors
/// The reason in one line.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(pattern)
        .size_limit(MAX_COMPILED_BYTES)
        .dfa_size_limit(MAX_COMPILED_BYTES)
        .nest_limit(MAX_NESTING)
        .build();
    built.map_err(|e| match e {
        regex::Error::CompiledTooBig(_) => "it is too large".to_string(),
        e => {
            let message = e.to_string();
            let reason = message.lines().last().unwrap_or_default().trim();
            reason.trim_start_matches("error: ").to_string()
        }
    })
}

/// Places of the values of `pattern`: the first group that matches, or the whole match.
/// It stops early once `is_cancelled` returns true.
pub fn value_places(
    pattern: &Regex,
    text: &str,
    is_cancelled: &(dyn Fn() -> bool + Sync),
) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for captures in pattern.captures_iter(text).take(MAX_MATCHES) {
        if is_cancelled() {
            break;
        }
        let value = captures.iter().skip(1).flatten().next();
        if let Some(value) = value.or_else(|| captures.get(0))
            && !value.is_empty()
        {
            places.push((value.start(), value.end()));
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(pattern: &str, text: &'a str) -> Vec<&'a str> {
        let places = value_places(&compile(pattern).unwrap(), text, &|| false);
        places
            .iter()
            .map(|(start, end)| &text[*start..*end])
            .collect()
    }

    #[test]
    fn the_first_group_is_the_value() {
        assert_eq!(
            values(r"ISBN (\d+)|EAN (\d+)", "EAN 12, ISBN 3"),
            ["12", "3"]
        );
        assert_eq!(values(r"\d+", "a1b22"), ["1", "22"]);
        assert_eq!(values(r"x*", "ab"), Vec::<&str>::new());
    }

    #[test]
    fn hostile_patterns_are_refused_or_bounded() {
        assert!(compile("(").unwrap_err().contains("unclosed group"));
        assert_eq!(compile(r"(\w{1000}){1000}").unwrap_err(), "it is too large");
        assert!(compile(&"(".repeat(100_000)).is_err());
        let text = "A".repeat(100_000);
        assert_eq!(values(".*[^A-Z]|[A-Z]", &text).len(), MAX_MATCHES);
        let pattern = compile("a").unwrap();
        assert!(value_places(&pattern, "aaa", &|| true).is_empty());
    }
}
