//! JSON in the text of an answer.

use serde_json::Value;

/// Opening braces at which an object is looked for.
const MAX_CANDIDATES: usize = 8;

/// Nesting of arrays and objects that is read.
const MAX_DEPTH: usize = 32;

/// The JSON value in a text: the whole text, or the first object in it that is complete,
/// as between code fences.
pub fn json_value(text: &str) -> Option<Value> {
    let text = text.trim();
    if let Some(value) = parse(text) {
        return Some(value);
    }
    // A hostile text has many braces, and each candidate is scanned to its end.
    let starts = text.match_indices('{').take(MAX_CANDIDATES);
    starts.into_iter().find_map(|(start, _)| {
        let candidate = &text[start..];
        parse(&candidate[..object_end(candidate)?])
    })
}

fn parse(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    (depth(&value) <= MAX_DEPTH).then_some(value)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// One after the brace that closes the first one; braces in strings do not count.
fn object_end(text: &str) -> Option<usize> {
    let (mut open, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => open += 1,
            b'}' if !in_string => {
                open -= 1;
                if open == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_are_found_in_text() {
        for text in [
            "{\"a\": 1}",
            "```json\n{\"a\": 1}\n```",
            "Sure {ok}: {\"a\": 1} done }",
        ] {
            assert_eq!(json_value(text), Some(json!({"a": 1})), "{text}");
        }
        assert_eq!(
            json_value("{\"a\": \"}\\\"{\"}"),
            Some(json!({"a": "}\"{"}))
        );
        assert_eq!(json_value("no"), None);
        assert_eq!(json_value(&"{".repeat(100_000)), None);
        assert_eq!(
            json_value(&format!("{}1{}", "[".repeat(60), "]".repeat(60))),
            None
        );
    }
}
