//! Search for many phrases in one pass over the words of a text.

use std::collections::HashMap;

use super::words::{MAX_WORD_BYTES, each_word_place, fold_gap, fold_word, phrase_parts};

/// Longest phrase in words. It bounds the work at each word of a text.
pub const MAX_PHRASE_WORDS: usize = 32;

/// Number of a word or gap that no phrase has.
const UNKNOWN: u32 = u32::MAX;

/// Number of the empty gap.
const EMPTY_GAP: u32 = 0;

/// A word of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextWord {
    pub start: usize,
    pub end: usize,
    /// Numbers of the word, and of the gap before it.
    word: u32,
    gap: u32,
}

/// An occurrence of a phrase.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PhraseMatch<P> {
    /// Position of the first word, and after the last.
    pub first_word: usize,
    pub end_word: usize,
    /// Bytes of the text.
    pub start: usize,
    pub end: usize,
    pub payload: P,
}

/// A set of phrases with payloads, as a trie of words.
#[derive(Debug)]
pub struct PhraseMatcher<P> {
    words: HashMap<Box<str>, u32>,
    gaps: HashMap<Box<str>, u32>,
    /// Node after the first word, by word; 0 for none.
    first: Vec<u32>,
    /// Node after a word: by node before, gap and word.
    next: HashMap<(u32, u32, u32), u32>,
    /// Phrases that end at a node.
    ends: Vec<Vec<PhraseEnd<P>>>,
}

#[derive(Debug)]
struct PhraseEnd<P> {
    prefix: Box<str>,
    suffix: Box<str>,
    payload: P,
}

impl<P: Copy> PhraseMatcher<P> {
    pub fn new() -> Self {
        Self {
            words: HashMap::new(),
            gaps: HashMap::from([("".into(), EMPTY_GAP)]),
            first: Vec::new(),
            next: HashMap::new(),
            ends: vec![Vec::new()],
        }
    }

    /// Adds a phrase.
    ///
    /// # Errors
    /// The reason why texts cannot be searched for it.
    pub fn add(&mut self, phrase: &str, payload: P) -> Result<(), &'static str> {
        let parts = phrase_parts(phrase);
        if parts.words.is_empty() {
            return Err("has neither a letter nor a digit");
        }
        if parts.words.len() > MAX_PHRASE_WORDS {
            return Err("is too long");
        }
        if parts
            .words
            .iter()
            .any(|(_, word)| word.len() > MAX_WORD_BYTES)
        {
            return Err("has a word that is too long");
        }
        let mut node = 0;
        for (position, (gap, word)) in parts.words.iter().enumerate() {
            let word = number(&mut self.words, word);
            let gap = number(&mut self.gaps, gap);
            let fresh = self.ends.len() as u32;
            if position == 0 {
                if self.first.len() <= word as usize {
                    self.first.resize(word as usize + 1, 0);
                }
                let slot = &mut self.first[word as usize];
                if *slot == 0 {
                    *slot = fresh;
                }
                node = *slot;
            } else {
                node = *self.next.entry((node, gap, word)).or_insert(fresh);
            }
            if node == fresh {
                self.ends.push(Vec::new());
            }
        }
        self.ends[node as usize].push(PhraseEnd {
            prefix: parts.prefix.into(),
            suffix: parts.suffix.into(),
            payload,
        });
        Ok(())
    }

    /// The words of `text`, in `words`.
    pub fn split(&self, text: &str, words: &mut Vec<TextWord>) {
        words.clear();
        let mut folded = String::new();
        let mut last: Option<TextWord> = None;
        each_word_place(text, |start, end| {
            let word = if end - start > MAX_WORD_BYTES {
                UNKNOWN
            } else {
                fold_word(&text[start..end], &mut folded);
                self.words.get(folded.as_str()).copied().unwrap_or(UNKNOWN)
            };
            let gap = match last {
                Some(last) if word != UNKNOWN && last.word != UNKNOWN => {
                    match &text[last.end..start] {
                        " " => EMPTY_GAP,
                        gap => {
                            fold_gap(gap, &mut folded);
                            self.gaps.get(folded.as_str()).copied().unwrap_or(UNKNOWN)
                        }
                    }
                }
                _ => UNKNOWN,
            };
            let word = TextWord {
                start,
                end,
                word,
                gap,
            };
            words.push(word);
            last = Some(word);
        });
    }

    /// Calls `each` with every occurrence, by first word and then by end.
    pub fn each_match(&self, text: &str, words: &[TextWord], mut each: impl FnMut(PhraseMatch<P>)) {
        for (first_word, word) in words.iter().enumerate() {
            let mut node = self.first.get(word.word as usize).copied().unwrap_or(0);
            let mut end_word = first_word + 1;
            while node != 0 {
                let last = &words[end_word - 1];
                for phrase in &self.ends[node as usize] {
                    if text[..word.start].ends_with(&*phrase.prefix)
                        && text[last.end..].starts_with(&*phrase.suffix)
                    {
                        each(PhraseMatch {
                            first_word,
                            end_word,
                            start: word.start - phrase.prefix.len(),
                            end: last.end + phrase.suffix.len(),
                            payload: phrase.payload,
                        });
                    }
                }
                node = match words.get(end_word) {
                    Some(next) if next.word != UNKNOWN && next.gap != UNKNOWN => {
                        let key = (node, next.gap, next.word);
                        self.next.get(&key).copied().unwrap_or(0)
                    }
                    _ => 0,
                };
                end_word += 1;
            }
        }
    }
}

fn number(numbers: &mut HashMap<Box<str>, u32>, text: &str) -> u32 {
    if let Some(known) = numbers.get(text) {
        return *known;
    }
    let fresh = numbers.len() as u32;
    numbers.insert(text.into(), fresh);
    fresh
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(phrases: &[&str], text: &'a str) -> Vec<(usize, &'a str)> {
        let mut matcher = PhraseMatcher::new();
        for (position, phrase) in phrases.iter().enumerate() {
            matcher.add(phrase, position).unwrap();
        }
        let mut words = Vec::new();
        matcher.split(text, &mut words);
        let mut found = Vec::new();
        matcher.each_match(text, &words, |m| {
            found.push((m.payload, &text[m.start..m.end]))
        });
        found
    }

    #[test]
    fn phrases_match_whole_words_in_any_case() {
        let phrases = ["red", "navy blue", "blue", "STRASSE", "h&m", "c++"];
        assert_eq!(
            found(&phrases, "Navy-BLUE and Straße, scarred; H&M H M (C++) c"),
            [
                (1, "Navy-BLUE"),
                (2, "BLUE"),
                (3, "Straße"),
                (4, "H&M"),
                (5, "C++")
            ]
        );
        assert_eq!(found(&phrases, "İİİ ﬁ red"), [(0, "red")]);
        assert_eq!(found(&["红色"], "大红色连衣裙"), [(0, "红色")]);
    }

    #[test]
    fn hostile_phrases_are_refused() {
        let mut matcher = PhraseMatcher::new();
        assert!(matcher.add(" !? ", ()).is_err());
        assert!(matcher.add("", ()).is_err());
        assert!(matcher.add(&"a ".repeat(MAX_PHRASE_WORDS + 1), ()).is_err());
        assert!(matcher.add(&"a".repeat(MAX_WORD_BYTES + 1), ()).is_err());
        matcher.add(&"a ".repeat(MAX_PHRASE_WORDS), ()).unwrap();
    }

    #[test]
    fn repeated_words_take_bounded_work() {
        let text = "a ".repeat(200_000);
        let phrase = "a ".repeat(MAX_PHRASE_WORDS);
        assert_eq!(
            found(&[&phrase], &text).len(),
            200_000 - MAX_PHRASE_WORDS + 1
        );
    }
}
