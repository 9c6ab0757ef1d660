//! The part of a long text that its tokens within the limit come from.
//!
//! A tokenizer reads a whole text at about 2 µs per byte, however few tokens are
//! kept. So a text is cut before it is tokenized, at white space: tokenizers split
//! texts there, and the tokens before a space do not depend on the text after it.
//! A text without white space is cut between characters, where the tokens at the
//! cut do depend on the rest; a second, longer excerpt has to agree with the first.

use super::super::sentence_transformers::TruncationSide;

/// Bytes per token of the first excerpt. English texts have 4 to 5.
const BYTES_PER_TOKEN: usize = 8;

/// Factor between the lengths of an excerpt and the next one, which is tried if
/// the tokens do not reach the limit.
const GROWTH: usize = 4;

/// Excerpt of a text, from its start or to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excerpt<'a> {
    pub text: &'a str,
    /// Whether the tokens in the excerpt are those of the whole text.
    pub at_space: bool,
}

/// Excerpts of growing length for `tokens` tokens, kept at the side that a
/// truncation leaves. The whole text is not among them.
pub(super) fn excerpts(
    text: &str,
    tokens: usize,
    side: TruncationSide,
) -> impl Iterator<Item = Excerpt<'_>> {
    let first = tokens.saturating_mul(BYTES_PER_TOKEN).max(1);
    std::iter::successors(Some(first), |bytes| bytes.checked_mul(GROWTH))
        // An excerpt of most of the text saves little.
        .take_while(|bytes| *bytes < text.len() / 2)
        .map(move |bytes| match side {
            TruncationSide::Right => start_of(text, bytes),
            TruncationSide::Left => end_of(text, bytes),
        })
}

/// The first `bytes` bytes or more, up to white space if it comes within as many
/// bytes again.
fn start_of(text: &str, bytes: usize) -> Excerpt<'_> {
    let from = text.ceil_char_boundary(bytes);
    let to = text.ceil_char_boundary(bytes * 2);
    let space = text[from..to].find(|c: char| c.is_ascii_whitespace());
    let text = &text[..space.map_or(from, |space| from + space)];
    Excerpt {
        // Several spaces can be one token.
        text: text.trim_end(),
        at_space: space.is_some(),
    }
}

/// The last `bytes` bytes or more, from white space if it comes within as many
/// bytes again.
fn end_of(text: &str, bytes: usize) -> Excerpt<'_> {
    let from = text.floor_char_boundary(text.len() - bytes * 2);
    let to = text.floor_char_boundary(text.len() - bytes);
    let words = text[from..to].trim_end_matches(char::is_whitespace);
    // The space stays: it belongs to the word after it.
    let space = words.rfind(|c: char| c.is_ascii_whitespace());
    let start = space.map(|space| from + words[..space].trim_end().len());
    // Spaces at the start of the window may continue before it.
    let start = start.filter(|start| *start > from);
    Excerpt {
        text: &text[start.unwrap_or(to)..],
        at_space: start.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(text: &str, tokens: usize, side: TruncationSide) -> Option<Excerpt<'_>> {
        excerpts(text, tokens, side).next()
    }

    #[test]
    fn short_texts_have_no_excerpts() {
        assert_eq!(first("a short text", 4, TruncationSide::Right), None);
        assert_eq!(first("", 0, TruncationSide::Left), None);
    }

    #[test]
    fn excerpts_end_before_white_space() {
        let text = "word  ".repeat(100);
        let right = first(&text, 4, TruncationSide::Right).unwrap();
        assert!(
            right.at_space && right.text.ends_with("  word"),
            "{right:?}"
        );
        assert!(text.starts_with(right.text));
        let left = first(&text, 4, TruncationSide::Left).unwrap();
        assert!(left.at_space && left.text.starts_with("  word"), "{left:?}");
        assert!(text.ends_with(left.text));
    }

    #[test]
    fn a_text_without_spaces_is_cut_between_characters() {
        let text = "字".repeat(1000);
        for side in [TruncationSide::Right, TruncationSide::Left] {
            let excerpt = first(&text, 4, side).unwrap();
            assert!(!excerpt.at_space);
            assert!(excerpt.text.len().is_multiple_of("字".len()));
        }
    }

    #[test]
    fn excerpts_grow_up_to_half_of_the_text() {
        let text = "word ".repeat(1000);
        let lengths: Vec<usize> = excerpts(&text, 4, TruncationSide::Right)
            .map(|excerpt| excerpt.text.len())
            .collect();
        assert_eq!(lengths, [34, 129, 514, 2049].map(|n: usize| n));
    }
}
