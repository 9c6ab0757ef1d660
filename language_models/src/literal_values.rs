//! Values of a language model as literal parts of texts.

/// The part of one of the texts that equals `value`: as it is, else up to case and white
/// space. `None` for a value in no text.
pub fn literal_part(value: &str, texts: &[Option<&str>]) -> Option<String> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    let texts = || texts.iter().flatten();
    if texts().any(|text| text.contains(value)) {
        return Some(value.to_string());
    }
    let wanted: Vec<char> = folded(value).map(|(c, _)| c).collect();
    texts().find_map(|text| find_folded(text, &wanted))
}

/// Characters in lower case with the ends of their sources; white space as single spaces.
fn folded(text: &str) -> impl Iterator<Item = (char, (usize, usize))> + '_ {
    let mut after_space = false;
    text.char_indices().flat_map(move |(at, c)| {
        let place = (at, at + c.len_utf8());
        let skip = c.is_whitespace() && after_space;
        after_space = c.is_whitespace();
        let folded = match (skip, c.is_whitespace()) {
            (true, _) => None,
            (false, true) => Some(' '.to_lowercase()),
            (false, false) => Some(c.to_lowercase()),
        };
        folded.into_iter().flatten().map(move |c| (c, place))
    })
}

fn find_folded(text: &str, wanted: &[char]) -> Option<String> {
    let chars: Vec<(char, (usize, usize))> = folded(text).collect();
    let starts = chars.windows(wanted.len());
    let found = starts.into_iter().find(|window| {
        window
            .iter()
            .zip(wanted)
            .all(|((c, _), wanted)| c == wanted)
    })?;
    let (_, (start, _)) = found.first()?;
    let (_, (_, end)) = found.last()?;
    text.get(*start..*end).map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_get_the_spelling_of_the_text() {
        let texts = [Some("Dark \n Blue Dress"), None, Some("Größe 40")];
        let part = |value| literal_part(value, &texts);
        assert_eq!(part("Dress"), Some("Dress".to_string()));
        assert_eq!(part("dark blue"), Some("Dark \n Blue".to_string()));
        assert_eq!(part("GRÖSSE"), None);
        assert_eq!(part("GRÖßE 40"), Some("Größe 40".to_string()));
        assert_eq!(part("red"), None);
        assert_eq!(part("  "), None);
        let long = "a".repeat(5000);
        assert_eq!(literal_part(&long, &texts), None);
    }
}
