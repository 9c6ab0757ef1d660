//! Phrases of one attribute in a text, and the context of a value.

use super::phrase_matcher::{PhraseMatch, TextWord};
use super::roles::Role;

/// Words between a cue or `for` and a value.
const FILLERS: &[&str] = &[
    "is",
    "of",
    "the",
    "your",
    "all",
    "any",
    "approx",
    "approximately",
    "about",
    "up",
    "to",
    "max",
    "maximum",
];

/// Most fillers between a cue and a value.
const MAX_FILLERS: usize = 2;

/// Longest text in bytes between a label and its value: ` : `.
const MAX_LABEL_GAP: usize = 8;

/// A spelling of a value, or an excluded phrase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueMatch {
    pub first_word: usize,
    pub end_word: usize,
    pub start: usize,
    pub end: usize,
    /// Position of the value; `None` for an excluded phrase.
    pub value: Option<u32>,
    pub is_ambiguous: bool,
}

/// Phrases of one attribute in a text, by role.
#[derive(Debug, Default)]
pub struct AttributePhrases {
    /// Longest matches; they do not overlap.
    pub values: Vec<ValueMatch>,
    /// Cues: the word after the cue, and whether a colon is needed.
    pub cues: Vec<(usize, bool)>,
    modifiers: Vec<(usize, usize)>,
    cues_after: Vec<usize>,
    not_after: Vec<usize>,
    not_before: Vec<usize>,
    common_words: Vec<usize>,
}

impl AttributePhrases {
    pub fn clear(&mut self) {
        self.values.clear();
        self.cues.clear();
        self.modifiers.clear();
        self.cues_after.clear();
        self.not_after.clear();
        self.not_before.clear();
        self.common_words.clear();
    }

    /// Adds a match. Matches come by first word and then by end.
    pub fn add<P>(&mut self, found: &PhraseMatch<P>, role: Role) {
        match role {
            Role::Value { .. } | Role::Excluded => {
                let (value, is_ambiguous) = match role {
                    Role::Value {
                        value,
                        is_ambiguous,
                    } => (Some(value), is_ambiguous),
                    _ => (None, false),
                };
                let fresh = ValueMatch {
                    first_word: found.first_word,
                    end_word: found.end_word,
                    start: found.start,
                    end: found.end,
                    value,
                    is_ambiguous,
                };
                match self.values.last_mut() {
                    Some(last) if last.first_word == fresh.first_word => {
                        if fresh.end >= last.end {
                            *last = fresh;
                        }
                    }
                    Some(last) if last.end_word > fresh.first_word => {}
                    _ => self.values.push(fresh),
                }
            }
            Role::Modifier => self.modifiers.push((found.first_word, found.end_word)),
            Role::Cue { needs_colon } => self.cues.push((found.end_word, needs_colon)),
            Role::CueAfter => self.cues_after.push(found.first_word),
            Role::NotAfter => self.not_after.push(found.end_word),
            Role::NotBefore => self.not_before.push(found.first_word),
            Role::CommonWord => self.common_words.push(found.first_word),
        }
    }

    /// Sorts what is searched by its end.
    pub fn finish(&mut self) {
        self.cues.sort_unstable();
        self.not_after.sort_unstable();
        self.modifiers.sort_unstable_by_key(|(_, end)| *end);
    }

    /// Whether a listed value starts with `word`.
    pub fn starts_value(&self, word: usize) -> bool {
        let found = self
            .values
            .binary_search_by(|value| value.first_word.cmp(&word));
        found.is_ok_and(|at| self.values[at].value.is_some())
    }

    pub fn is_common_word(&self, word: usize) -> bool {
        self.common_words.binary_search(&word).is_ok()
    }

    /// First word of the modifiers directly before `word`.
    pub fn modifiers_before(&self, text: &WordsOfText<'_>, word: usize) -> usize {
        let mut first = word;
        while first > 0 && text.is_joined(first) {
            let Ok(at) = self.modifiers.binary_search_by_key(&first, |(_, end)| *end) else {
                break;
            };
            first = self.modifiers[at].0;
        }
        first
    }

    /// Whether a cue is before `word`, with its colon if it needs one.
    pub fn has_cue_before(&self, text: &WordsOfText<'_>, word: usize) -> bool {
        text.fillers_before(word).any(|end| {
            let start = self.cues.partition_point(|(cue, _)| *cue < end);
            self.cues[start..]
                .iter()
                .take_while(|(cue, _)| *cue == end)
                .any(|(_, needs_colon)| text.is_labelled(end, *needs_colon))
        })
    }

    pub fn has_cue_after(&self, text: &WordsOfText<'_>, end_word: usize) -> bool {
        self.cues_after.binary_search(&end_word).is_ok() && text.is_joined(end_word)
    }

    /// Whether the words around rule out a value.
    pub fn is_ruled_out(&self, text: &WordsOfText<'_>, first_word: usize, end_word: usize) -> bool {
        let after = || {
            text.fillers_before(first_word).any(|end| {
                self.not_after.binary_search(&end).is_ok()
                    && (text.is_joined(end) || text.is_labelled(end, true))
            })
        };
        let before =
            || self.not_before.binary_search(&end_word).is_ok() && text.is_joined(end_word);
        before() || after()
    }
}

/// A text and its words.
#[derive(Clone, Copy, Debug)]
pub struct WordsOfText<'a> {
    pub text: &'a str,
    pub words: &'a [TextWord],
}

impl<'a> WordsOfText<'a> {
    pub fn word(&self, word: usize) -> &'a str {
        let place = self.words[word];
        &self.text[place.start..place.end]
    }

    /// The text between `word` and the word before it.
    pub fn gap_before(&self, word: usize) -> &'a str {
        let start = match word.checked_sub(1) {
            Some(before) => self.words[before].end,
            None => 0,
        };
        let end = self
            .words
            .get(word)
            .map_or(self.text.len(), |word| word.start);
        &self.text[start..end]
    }

    /// Whether spaces and hyphens alone are before `word`.
    pub fn is_joined(&self, word: usize) -> bool {
        let gap = self.gap_before(word);
        gap.len() <= MAX_LABEL_GAP
            && gap
                .chars()
                .all(|c| matches!(c, ' ' | '-' | '(' | ')' | '\''))
    }

    /// Whether the gap before `word` is that of a label and its value.
    pub fn is_labelled(&self, word: usize, needs_colon: bool) -> bool {
        let gap = self.gap_before(word);
        let has_colon = gap.contains([':', '=', '：']);
        gap.len() <= MAX_LABEL_GAP
            && !gap.contains(['\n', ';', '|'])
            && (has_colon
                || (!needs_colon && gap.chars().all(|c| !matches!(c, ',' | '.' | '!' | '?'))))
    }

    /// `word`, and the places before it that only fillers separate from it.
    fn fillers_before(self, word: usize) -> impl Iterator<Item = usize> {
        let is_filler = move |word: usize| {
            let text = self.word(word);
            FILLERS
                .iter()
                .any(|filler| text.eq_ignore_ascii_case(filler))
        };
        let first = Some(word);
        std::iter::successors(first, move |word| {
            let before = word.checked_sub(1)?;
            is_filler(before).then_some(before)
        })
        .take(MAX_FILLERS + 1)
    }

    /// The word that starts at or after `at`.
    pub fn word_at(&self, at: usize) -> usize {
        self.words.partition_point(|word| word.end <= at)
    }

    /// The word after a part of the text that ends at `end`.
    pub fn word_after(&self, end: usize) -> usize {
        self.words.partition_point(|word| word.start < end)
    }
}

#[cfg(test)]
mod tests {
    use super::super::phrase_matcher::PhraseMatcher;
    use super::*;

    fn check(text: &str, check: impl Fn(&WordsOfText<'_>)) {
        let mut words = Vec::new();
        PhraseMatcher::<()>::new().split(text, &mut words);
        check(&WordsOfText {
            text,
            words: &words,
        });
    }

    #[test]
    fn labels_end_with_a_colon_or_a_space() {
        check("size: M", |text| assert!(text.is_labelled(1, true)));
        check("size = M", |text| assert!(text.is_labelled(1, true)));
        check("size M", |text| {
            assert!(text.is_labelled(1, false) && !text.is_labelled(1, true));
        });
        for text in ["size. M", "size;: M", "size:\n\nM", "size:          M"] {
            check(text, |text| assert!(!text.is_labelled(1, true), "{text:?}"));
        }
    }

    #[test]
    fn words_are_found_by_place() {
        check("a 5cm, b", |text| {
            assert_eq!(text.word_at(2), 1);
            assert_eq!(text.word_after(5), 2);
            assert_eq!(text.gap_before(2), ", ");
            assert_eq!(text.gap_before(3), "");
            assert!(text.is_joined(1) && !text.is_joined(2));
        });
    }
}
