//! Dictionary of the labelled values, counted by group.

use std::collections::HashSet;

use super::hashing::{HashedMap, HashedSet, mix};

/// Tokens of the longest value that is looked up.
const MAX_VALUE_TOKENS: usize = 8;

/// Kinds of keys: whole values, values with each digit as 0, words of values.
const VALUE: u64 = 1;
const PATTERN: u64 = 2;
const WORD: u64 = 3;

/// Key of a value, a pattern or a word.
pub type LexiconKey = u64;

/// Keys of a group with their attributes, which do not count for its own rows.
pub type GroupValues = HashSet<(LexiconKey, u16)>;

/// Hashes of a token that the lexicon reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LexiconToken {
    pub word: u64,
    /// The word with each digit as 0.
    pub digits: u64,
}

/// Groups that have each value of each attribute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueLexicon {
    /// By key.
    entries: HashedMap<LexiconEntry>,
    /// Keys of the beginnings of values, so that a search ends early.
    beginnings: HashedSet,
}

/// Entry of the lexicon.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LexiconEntry {
    /// Groups with the key in a text, as a value or not.
    pub occurrences: u32,
    /// Attributes with the number of groups.
    pub attributes: Vec<(u16, u32)>,
}

/// Value of the lexicon in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LexiconMatch {
    pub first: usize,
    /// One after the last token.
    pub end: usize,
    pub attribute: u16,
    pub is_pattern: bool,
    /// Other groups with the value.
    pub groups: u32,
    /// Other groups with the value or the same words in a text.
    pub occurrences: u32,
    /// Whether no other attribute has the value.
    pub is_unique: bool,
}

/// Adds the keys of a value to those of its group.
pub fn add_value(tokens: &[LexiconToken], attribute: usize, group: &mut GroupValues) {
    let attribute = attribute as u16;
    let (mut value, mut pattern) = (VALUE, PATTERN);
    for token in tokens {
        group.insert((mix(WORD, token.word), attribute));
        value = mix(value, token.word);
        pattern = mix(pattern, token.digits);
    }
    if !tokens.is_empty() && tokens.len() <= MAX_VALUE_TOKENS {
        group.insert((value, attribute));
        if tokens.iter().any(|token| token.word != token.digits) {
            group.insert((pattern, attribute));
        }
    }
}

impl ValueLexicon {
    /// The lexicon of the values of groups in their texts.
    pub fn new<'a>(
        groups: impl Iterator<Item = &'a GroupValues>,
        texts: impl Iterator<Item = (usize, &'a [LexiconToken])>,
    ) -> Self {
        let mut entries: HashedMap<LexiconEntry> = HashedMap::default();
        for (key, attribute) in groups.flatten() {
            let attributes = &mut entries.entry(*key).or_default().attributes;
            match attributes.iter_mut().find(|(known, _)| known == attribute) {
                Some((_, count)) => *count += 1,
                None => attributes.push((*attribute, 1)),
            }
        }
        for entry in entries.values_mut() {
            entry.attributes.sort_unstable();
        }
        let mut lexicon = Self {
            entries,
            beginnings: HashedSet::default(),
        };
        lexicon.count_occurrences(texts);
        lexicon
    }

    fn count_occurrences<'a>(&mut self, texts: impl Iterator<Item = (usize, &'a [LexiconToken])>) {
        let mut seen: HashSet<(LexiconKey, usize)> = HashSet::new();
        for (group, tokens) in texts {
            for first in 0..tokens.len() {
                let mut beginnings: Vec<LexiconKey> = Vec::new();
                let mut count = |key: LexiconKey, beginnings: &[LexiconKey]| {
                    if let Some(entry) = self.entries.get_mut(&key) {
                        entry.occurrences += u32::from(seen.insert((key, group)));
                        self.beginnings.extend(beginnings);
                    }
                };
                count(mix(WORD, tokens[first].word), &[]);
                let last = tokens.len().min(first + MAX_VALUE_TOKENS);
                let (mut value, mut pattern) = (VALUE, PATTERN);
                for token in &tokens[first..last] {
                    value = mix(value, token.word);
                    pattern = mix(pattern, token.digits);
                    beginnings.push(pattern);
                    count(value, &beginnings);
                    count(pattern, &beginnings);
                }
            }
        }
    }

    /// Entries in the order of their keys.
    pub fn entries(&self) -> Vec<(LexiconKey, &LexiconEntry)> {
        let mut all: Vec<_> = self
            .entries
            .iter()
            .map(|(key, entry)| (*key, entry))
            .collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    /// Keys of the beginnings, in order.
    pub fn beginnings(&self) -> Vec<LexiconKey> {
        let mut all: Vec<LexiconKey> = self.beginnings.iter().copied().collect();
        all.sort_unstable();
        all
    }

    /// The lexicon of such parts.
    pub fn from_parts(
        entries: impl IntoIterator<Item = (LexiconKey, LexiconEntry)>,
        beginnings: Vec<LexiconKey>,
    ) -> Self {
        Self {
            entries: entries.into_iter().collect(),
            beginnings: beginnings.into_iter().collect(),
        }
    }

    /// Values and patterns in a text. Those of `own`, the group of the text, count one
    /// group less.
    pub fn matches(&self, tokens: &[LexiconToken], own: Option<&GroupValues>) -> Vec<LexiconMatch> {
        let mut matches = Vec::new();
        for first in 0..tokens.len() {
            let last = tokens.len().min(first + MAX_VALUE_TOKENS);
            let (mut value, mut pattern) = (VALUE, PATTERN);
            for end in first + 1..=last {
                let token = &tokens[end - 1];
                value = mix(value, token.word);
                pattern = mix(pattern, token.digits);
                if !self.beginnings.contains(&pattern) {
                    break;
                }
                for (key, is_pattern) in [(value, false), (pattern, true)] {
                    self.add_matches(key, own, |attribute, groups, occurrences, is_unique| {
                        matches.push(LexiconMatch {
                            first,
                            end,
                            attribute,
                            is_pattern,
                            groups,
                            occurrences,
                            is_unique,
                        });
                    });
                }
            }
        }
        matches
    }

    /// Attributes whose values have a word, with the groups that have it as a part of a
    /// value, and those that have it in a text.
    pub fn word_attributes(
        &self,
        word: u64,
        own: Option<&GroupValues>,
        mut add: impl FnMut(u16, u32, u32),
    ) {
        let add = |attribute, groups, occurrences, _| add(attribute, groups, occurrences);
        self.add_matches(mix(WORD, word), own, add);
    }

    /// Groups with a value, and groups with the value or the same words in a text.
    pub fn value_groups(&self, tokens: &[LexiconToken], attribute: usize) -> (u32, u32) {
        let value = tokens
            .iter()
            .fold(VALUE, |value, token| mix(value, token.word));
        let Some(entry) = self.entries.get(&value) else {
            return (0, 0);
        };
        let counts = entry
            .attributes
            .iter()
            .find(|(at, _)| usize::from(*at) == attribute);
        (counts.map_or(0, |(_, groups)| *groups), entry.occurrences)
    }

    fn add_matches(
        &self,
        key: LexiconKey,
        own: Option<&GroupValues>,
        mut add: impl FnMut(u16, u32, u32, bool),
    ) {
        let Some(entry) = self.entries.get(&key) else {
            return;
        };
        let others = |(attribute, count): &(u16, u32)| {
            let is_own = own.is_some_and(|own| own.contains(&(key, *attribute)));
            (*attribute, count - u32::from(is_own).min(*count))
        };
        let counts = entry
            .attributes
            .iter()
            .map(others)
            .filter(|(_, count)| *count > 0);
        let is_unique = counts.clone().count() == 1;
        let occurrences = entry.occurrences.saturating_sub(u32::from(own.is_some()));
        for (attribute, groups) in counts {
            add(attribute, groups, occurrences.max(groups), is_unique);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(words: &[u64]) -> Vec<LexiconToken> {
        let token = |word: &u64| LexiconToken {
            word: *word,
            digits: word % 100,
        };
        words.iter().map(token).collect()
    }

    #[test]
    fn the_values_of_a_group_do_not_vouch_for_its_rows() {
        let mut groups = vec![GroupValues::new(); 3];
        add_value(&tokens(&[1, 2]), 1, &mut groups[0]);
        add_value(&tokens(&[1, 2]), 1, &mut groups[1]);
        add_value(&tokens(&[103]), 0, &mut groups[1]);
        let texts = [tokens(&[9, 1, 2]), tokens(&[103, 1, 2]), tokens(&[1, 2])];
        let of_groups = texts
            .iter()
            .enumerate()
            .map(|(at, text)| (at, text.as_slice()));
        let lexicon = ValueLexicon::new(groups.iter(), of_groups);
        let entries = lexicon
            .entries()
            .into_iter()
            .map(|(key, entry)| (key, entry.clone()));
        assert_eq!(
            lexicon,
            ValueLexicon::from_parts(entries, lexicon.beginnings())
        );
        let found = |words: &[u64], own| {
            let matches = lexicon.matches(&tokens(words), own).into_iter();
            matches
                .map(|one| {
                    (
                        one.first,
                        one.end,
                        one.attribute,
                        one.groups,
                        one.occurrences,
                    )
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found(&[103, 1, 2], None),
            [(0, 1, 0, 1, 1), (0, 1, 0, 1, 1), (1, 3, 1, 2, 3)]
        );
        assert_eq!(found(&[103, 1, 2], Some(&groups[1])), [(1, 3, 1, 1, 2)]);
        // The pattern only.
        assert_eq!(found(&[203], None), [(0, 1, 0, 1, 1)]);
        let mut words = Vec::new();
        lexicon.word_attributes(2, None, |attribute, groups, all| {
            words.push((attribute, groups, all))
        });
        assert_eq!(words, [(1, 2, 3)]);
    }
}
