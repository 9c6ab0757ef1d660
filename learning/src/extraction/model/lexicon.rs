//! Dictionary of the labelled values, counted by group.

use std::collections::{HashMap, HashSet};

use super::hashing::hash_text;
use super::tokens::Token;

/// Tokens of the longest value that is looked up.
const MAX_VALUE_TOKENS: usize = 7;

/// Groups that have each value of each attribute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueLexicon {
    /// By hash of the folded value: attributes with the number of groups.
    entries: HashMap<u64, Vec<(u16, u32)>>,
}

/// Value of the lexicon in a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LexiconMatch {
    pub first: usize,
    /// One after the last token.
    pub end: usize,
    pub attribute: u16,
    /// Other groups with the value.
    pub groups: u32,
    /// Whether no other attribute has the value.
    pub is_unique: bool,
}

/// Values of a group, which do not count for its own rows.
pub type GroupValues = HashSet<(u64, u16)>;

impl ValueLexicon {
    /// The lexicon of the values of groups, each with the distinct `(value, attribute)`.
    pub fn new<'a>(groups: impl IntoIterator<Item = &'a GroupValues>) -> Self {
        let mut entries: HashMap<u64, Vec<(u16, u32)>> = HashMap::new();
        for (value, attribute) in groups.into_iter().flatten() {
            let counts = entries.entry(*value).or_default();
            match counts.iter_mut().find(|(known, _)| known == attribute) {
                Some((_, count)) => *count += 1,
                None => counts.push((*attribute, 1)),
            }
        }
        for counts in entries.values_mut() {
            counts.sort_unstable();
        }
        Self { entries }
    }

    /// Entries in the order of their hashes.
    pub fn entries(&self) -> Vec<(u64, u16, u32)> {
        let mut all: Vec<(u64, u16, u32)> = self
            .entries
            .iter()
            .flat_map(|(hash, counts)| counts.iter().map(|(a, count)| (*hash, *a, *count)))
            .collect();
        all.sort_unstable();
        all
    }

    /// The lexicon of such entries.
    pub fn from_entries(all: impl IntoIterator<Item = (u64, u16, u32)>) -> Self {
        let mut entries: HashMap<u64, Vec<(u16, u32)>> = HashMap::new();
        for (hash, attribute, count) in all {
            entries.entry(hash).or_default().push((attribute, count));
        }
        Self { entries }
    }

    /// Values in a text. Those of `own` count one group less.
    pub fn matches(
        &self,
        text: &str,
        tokens: &[Token],
        own: Option<&GroupValues>,
    ) -> Vec<LexiconMatch> {
        let mut matches = Vec::new();
        for first in 0..tokens.len() {
            let last = tokens.len().min(first + MAX_VALUE_TOKENS);
            for end in first + 1..=last {
                let hash = hash_text(&text[tokens[first].start..tokens[end - 1].end]);
                let Some(counts) = self.entries.get(&hash) else {
                    continue;
                };
                let others = |(attribute, count): &(u16, u32)| {
                    let is_own = own.is_some_and(|own| own.contains(&(hash, *attribute)));
                    (*attribute, count - u32::from(is_own).min(*count))
                };
                let counts = counts.iter().map(others).filter(|(_, count)| *count > 0);
                let counts: Vec<(u16, u32)> = counts.collect();
                let is_unique = counts.len() == 1;
                matches.extend(counts.into_iter().map(|(attribute, groups)| LexiconMatch {
                    first,
                    end,
                    attribute,
                    groups,
                    is_unique,
                }));
            }
        }
        matches
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::tokenize;
    use super::*;

    #[test]
    fn the_values_of_a_group_do_not_vouch_for_its_rows() {
        let red = hash_text("dark red");
        let groups = [
            GroupValues::from([(red, 1)]),
            GroupValues::from([(red, 1), (hash_text("nike"), 0)]),
        ];
        let lexicon = ValueLexicon::new(&groups);
        assert_eq!(lexicon, ValueLexicon::from_entries(lexicon.entries()));
        let text = "Nike Dark  Red";
        let found = |own| {
            let matches = lexicon.matches(text, &tokenize(text), own).into_iter();
            matches
                .map(|one| (one.first, one.end, one.attribute, one.groups))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(None), [(0, 1, 0, 1), (1, 3, 1, 2)]);
        assert_eq!(found(Some(&groups[1])), [(1, 3, 1, 1)]);
    }
}
