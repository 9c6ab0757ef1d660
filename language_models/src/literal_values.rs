//! Values of a language model as literal parts of texts.

use std::cell::OnceCell;

/// Texts of a row in which values are found.
pub struct LiteralTexts<'a> {
    texts: &'a [Option<&'a str>],
    /// Made when a value is not found as it is.
    folded: OnceCell<Vec<FoldedText<'a>>>,
}

impl<'a> LiteralTexts<'a> {
    pub fn new(texts: &'a [Option<&'a str>]) -> Self {
        Self {
            texts,
            folded: OnceCell::new(),
        }
    }

    /// The part of one of the texts that equals `value`: whole words rather than parts of
    /// words, and as it is rather than up to case and white space. `None` for a value in
    /// no text.
    pub fn part(&self, value: &str) -> Option<String> {
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        let texts = || self.texts.iter().flatten();
        if texts().any(|text| place_of_words(text, value).is_some()) {
            return Some(value.to_string());
        }
        let folded = self
            .folded
            .get_or_init(|| texts().map(|text| FoldedText::new(text)).collect());
        let wanted = FoldedText::new(value).folded;
        let words = folded.iter().find_map(|text| {
            let start = place_of_words(&text.folded, &wanted)?;
            text.part(start, wanted.len())
        });
        if words.is_some() {
            return words;
        }
        if texts().any(|text| text.contains(value)) {
            return Some(value.to_string());
        }
        folded.iter().find_map(|text| {
            let start = text.folded.find(&wanted)?;
            text.part(start, wanted.len())
        })
    }
}

/// The first place of `value` in a text that begins and ends no part of a word.
fn place_of_words(text: &str, value: &str) -> Option<usize> {
    let mut places = text.match_indices(value);
    let place = places.find(|(start, value)| is_of_whole_words(text, *start, start + value.len()));
    place.map(|(start, _)| start)
}

/// Whether no word of the text continues before or after its bytes `start..end`.
pub fn is_of_whole_words(text: &str, start: usize, end: usize) -> bool {
    let is_within = |at: usize| {
        let (before, after) = text.split_at_checked(at).unwrap_or_default();
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        is_word(before.chars().next_back()) && is_word(after.chars().next())
    };
    !is_within(start) && !is_within(end)
}

/// A text in lower case, with single spaces for white space.
struct FoldedText<'a> {
    text: &'a str,
    folded: String,
    /// Bytes at which characters begin, in the folded text and in the text.
    places: Vec<(usize, usize)>,
}

impl<'a> FoldedText<'a> {
    fn new(text: &'a str) -> Self {
        let mut folded = String::with_capacity(text.len());
        let mut places = Vec::with_capacity(text.len());
        let mut after_space = false;
        for (at, c) in text.char_indices() {
            let is_space = c.is_whitespace();
            if is_space && after_space {
                continue;
            }
            after_space = is_space;
            places.push((folded.len(), at));
            match is_space {
                true => folded.push(' '),
                false => folded.extend(c.to_lowercase()),
            }
        }
        Self {
            text,
            folded,
            places,
        }
    }

    /// The part of the text whose folded form begins at `start` and has `length` bytes.
    /// It ends with a character, never with a space.
    fn part(&self, start: usize, length: usize) -> Option<String> {
        let source = |byte: usize| {
            let place = self.places.partition_point(|(at, _)| *at <= byte);
            self.places.get(place.checked_sub(1)?).map(|(_, at)| *at)
        };
        let last = source(start + length.checked_sub(1)?)?;
        let end = last + self.text.get(last..)?.chars().next()?.len_utf8();
        self.text.get(source(start)?..end).map(str::to_string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_get_the_spelling_of_the_text() {
        let texts = [Some("Dark \n Blue Dress"), None, Some("Größe 40")];
        let texts = LiteralTexts::new(&texts);
        let part = |value| texts.part(value);
        assert_eq!(part("Dress"), Some("Dress".to_string()));
        assert_eq!(part("dark blue"), Some("Dark \n Blue".to_string()));
        assert_eq!(
            part("dark  BLUE\tdress "),
            Some("Dark \n Blue Dress".to_string())
        );
        assert_eq!(part("GRÖSSE"), None);
        assert_eq!(part("GRÖßE 40"), Some("Größe 40".to_string()));
        assert_eq!(part("red"), None);
        assert_eq!(part("  "), None);
        assert_eq!(part(&"a".repeat(5000)), None);
    }

    #[test]
    fn whole_words_come_first() {
        let texts = [Some("Fred bored: RED, redder"), Some("a4")];
        let texts = LiteralTexts::new(&texts);
        for (value, part) in [
            ("red", "RED"),
            ("redde", "redde"),
            ("ORE", "ore"),
            ("4", "4"),
        ] {
            assert_eq!(texts.part(value).as_deref(), Some(part), "{value}");
        }
    }

    #[test]
    fn characters_that_grow_in_lower_case_stay_whole() {
        let texts = [Some("xİy \u{2003}K")];
        let texts = LiteralTexts::new(&texts);
        // The lower case of the letter has two characters.
        for value in ["i\u{307}", "i", "\u{307}"] {
            let part = texts.part(value);
            assert_eq!(part.as_deref(), Some("İ"), "{value}");
        }
        assert_eq!(texts.part("X\u{130}Y k").as_deref(), Some("xİy \u{2003}K"));
    }

    #[test]
    fn repetitive_texts_are_searched_in_linear_time() {
        let text = "a".repeat(1 << 20);
        let texts = [Some(text.as_str())];
        let texts = LiteralTexts::new(&texts);
        let value = format!("{}B", "A".repeat(1 << 19));
        assert_eq!(texts.part(&value), None);
    }
}
