//! Places of labelled values in the texts of their row.

use unicode_normalization::UnicodeNormalization;

use super::tokens::Token;

/// A text in a form in which equal values have equal characters: compatibility forms
/// (NFKC), lower case, single spaces. Each character knows its bytes in the text.
pub struct FoldedText {
    folded: String,
    /// By byte of `folded`: start and end of the source character.
    source: Vec<(u32, u32)>,
}

impl FoldedText {
    pub fn new(text: &str) -> Self {
        let mut folded = String::with_capacity(text.len());
        let mut source: Vec<(u32, u32)> = Vec::with_capacity(text.len());
        for (start, end) in clusters(text) {
            let place = (start as u32, end as u32);
            let cluster = &text[start..end];
            if cluster.chars().all(char::is_whitespace) {
                match folded.ends_with(' ') {
                    true => {
                        if let Some(last) = source.last_mut() {
                            last.1 = place.1;
                        }
                    }
                    false => {
                        folded.push(' ');
                        source.push(place);
                    }
                }
                continue;
            }
            let before = folded.len();
            folded.extend(cluster.nfkc().flat_map(char::to_lowercase));
            source.resize(source.len() + folded.len() - before, place);
        }
        Self { folded, source }
    }

    /// Byte ranges of the text that equal `value` after folding, without overlaps.
    pub fn find(&self, value: &FoldedValue) -> Vec<(usize, usize)> {
        if value.0.is_empty() {
            return Vec::new();
        }
        let matches = self.folded.match_indices(&value.0);
        matches
            .map(|(start, found)| {
                let last = start + found.len() - 1;
                (self.source[start].0 as usize, self.source[last].1 as usize)
            })
            .collect()
    }
}

/// A value after folding.
pub struct FoldedValue(String);

impl FoldedValue {
    pub fn new(value: &str) -> Self {
        Self(FoldedText::new(value.trim()).folded)
    }
}

/// Byte ranges of a character with the combining marks that follow it.
fn clusters(text: &str) -> impl Iterator<Item = (usize, usize)> + '_ {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        let (start, c) = chars.next()?;
        let mut end = start + c.len_utf8();
        while let Some((at, mark)) =
            chars.next_if(|(_, c)| unicode_normalization::char::is_combining_mark(*c))
        {
            end = at + mark.len_utf8();
        }
        Some((start, end))
    })
}

/// The tokens within a byte range whose ends are ends of tokens; `None` for a range that
/// begins or ends inside a token.
pub fn token_range(tokens: &[Token], start: usize, end: usize) -> Option<(usize, usize)> {
    let first = tokens.partition_point(|token| token.start < start);
    let last = tokens.partition_point(|token| token.end <= end);
    let begins = tokens.get(first)?.start == start;
    let ends = last > first && tokens[last - 1].end == end;
    (begins && ends).then_some((first, last))
}

#[cfg(test)]
mod tests {
    use super::super::tokens::WordSplits;
    use super::*;

    #[test]
    fn values_are_found_in_other_spellings() {
        let text = "Der STRASSE\u{a0} \n rot, Cafe\u{301} Ⅳ straße rot";
        let folded = FoldedText::new(text);
        let found = |value: &str| -> Vec<&str> {
            let places = folded.find(&FoldedValue::new(value)).into_iter();
            places.map(|(start, end)| &text[start..end]).collect()
        };
        assert_eq!(found("strasse rot"), ["STRASSE\u{a0} \n rot"]);
        assert_eq!(found("café"), ["Cafe\u{301}"]);
        assert_eq!(found("iv"), ["Ⅳ"]);
        assert_eq!(found("Rot").len(), 2);
        assert!(found(" ").is_empty());
        assert!(found("green").is_empty());
    }

    #[test]
    fn ranges_have_whole_tokens() {
        let tokens = WordSplits::default().tokenize("8GB, red");
        assert_eq!(token_range(&tokens, 0, 3), Some((0, 1)));
        assert_eq!(token_range(&tokens, 0, 4), Some((0, 2)));
        assert_eq!(token_range(&tokens, 0, 1), None);
        assert_eq!(token_range(&tokens, 1, 3), None);
        assert_eq!(token_range(&tokens, 9, 9), None);
    }
}
