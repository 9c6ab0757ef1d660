//! Patterns of names, as in `\df ai_*`.

/// Whether `name` matches a pattern in lower case; a pattern without `*` matches any
/// part.
pub fn matches(pattern: &str, name: &str) -> bool {
    let name = name.to_lowercase();
    if !pattern.contains('*') {
        return name.contains(pattern);
    }
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_names() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("ai_*", "ai_classify", true),
            ("ai_*", "chair_", false),
            ("*_similarity", "ai_similarity", true),
            ("a*a*a", "aa", false),
            ("classi", "ai_classify", true),
            ("x", "ai_classify", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
