//! The terms of one text.

use super::tokens::{Token, each_token};
use crate::words::{combine_hashes, hash_word};

/// Words that count in a text; the rest of a longer text is ignored.
pub const MAX_TEXT_WORDS: usize = 10_000;

/// Attribute values that count in a text.
const MAX_TEXT_ATTRIBUTES: usize = 1_000;

/// First character of the term of an attribute value. No word has it.
pub const ATTRIBUTE_MARK: char = '\0';

/// Words and attribute values of a text. One value serves text after text.
#[derive(Clone, Debug, Default)]
pub struct TextTerms {
    /// All terms, concatenated.
    terms: String,
    /// Ends of the terms; `None` is a break, which no phrase crosses.
    ends: Vec<Option<usize>>,
    buffer: String,
}

impl TextTerms {
    /// Reads a text, and the values of its attributes, such as `color: red`. Returns a hash
    /// of all terms.
    pub fn read(&mut self, text: &str, attributes: &[String]) -> u64 {
        let Self {
            terms,
            ends,
            buffer,
        } = self;
        terms.clear();
        ends.clear();
        let (mut hash, mut has_break) = (0, false);
        each_token(text, buffer, |token| match token {
            Token::Break => has_break = !ends.is_empty(),
            Token::Word(word) => {
                if ends.len() >= MAX_TEXT_WORDS {
                    return;
                }
                if std::mem::take(&mut has_break) {
                    hash = combine_hashes(hash, 0);
                    ends.push(None);
                }
                hash = combine_hashes(hash, hash_word(word));
                terms.push_str(word);
                ends.push(Some(terms.len()));
            }
        });
        for attribute in attributes.iter().take(MAX_TEXT_ATTRIBUTES) {
            hash = combine_hashes(hash, hash_word(attribute).rotate_left(1));
            terms.push(ATTRIBUTE_MARK);
            terms.push_str(attribute);
            ends.extend([None, Some(terms.len())]);
        }
        // The low bits of a product depend on the low bits of its factors alone.
        hash ^ (hash >> 32)
    }

    /// Terms in order; `None` is a break.
    pub fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let term = &self.terms[start..(*end)?];
            start += term.len();
            Some(term)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str, attributes: &[String]) -> Vec<String> {
        let mut terms = TextTerms::default();
        terms.read(text, attributes);
        let terms = terms.iter();
        terms.map(|term| term.unwrap_or("|").to_string()).collect()
    }

    #[test]
    fn breaks_are_between_terms() {
        assert_eq!(terms("(Red!) (shoe).", &[]), ["red", "|", "shoe"]);
        let color = ["color: red".to_string()];
        assert_eq!(terms("red", &color), ["red", "|", "\0color: red"]);
        assert_eq!(
            terms(&"a b ".repeat(MAX_TEXT_WORDS), &[]).len(),
            MAX_TEXT_WORDS
        );
        assert!(terms(" - ", &[]).is_empty());
    }

    #[test]
    fn the_hash_depends_on_all_terms() {
        let hash = |text: &str, attributes: &[&str]| {
            let attributes: Vec<String> = attributes.iter().map(|a| a.to_string()).collect();
            TextTerms::default().read(text, &attributes)
        };
        assert_eq!(hash("Red shoe!", &[]), hash("red  SHOE", &[]));
        let distinct = [
            hash("red shoe", &[]),
            hash("shoe red", &[]),
            hash("red, shoe", &[]),
            hash("red", &["shoe"]),
            hash("red shoe", &["shoe"]),
        ];
        for (position, hash) in distinct.iter().enumerate() {
            assert!(!distinct[..position].contains(hash));
        }
    }
}
