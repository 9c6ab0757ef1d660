//! Distinct texts of groups as term ids, within a fixed budget of memory.

use std::collections::{HashMap, HashSet};

use semql_inference::{Error, Result};

use super::text_terms::TextTerms;

/// Maximum number of groups.
pub const MAX_GROUPS: usize = 1_000;

/// Budget of the terms and texts, in bytes.
const MAX_BYTES: usize = 128 << 20;

/// Token of a break, which no phrase crosses.
pub(super) const BREAK: u32 = u32::MAX;

/// Bytes of a term beside its characters, and of a text beside its tokens.
const TERM_BYTES: usize = 64;
const TEXT_BYTES: usize = size_of::<GroupedText>() + 32;

/// Distinct texts of groups.
///
/// Texts with the same tokens count once in a group. Beyond the budget of memory, the
/// texts are a sample: each halving keeps the texts whose hash has another zero bit at its
/// end. The sample depends on the texts alone, and neither on their order nor on the parts
/// they arrive in.
#[derive(Clone, Debug)]
pub struct GroupedTexts {
    terms: HashMap<String, u32>,
    /// Bytes of the characters of the terms.
    term_bytes: usize,
    groups: HashMap<String, u32>,
    tokens: Vec<u32>,
    texts: Vec<GroupedText>,
    /// Groups and hashes of the texts.
    known: HashSet<(u32, u64)>,
    /// Number of halvings.
    halvings: u32,
    max_bytes: usize,
    text_terms: TextTerms,
}

/// A text of [`GroupedTexts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupedText {
    /// Position of the group in [`GroupedTextsParts::groups`].
    pub group: u32,
    /// Hash of the tokens.
    pub hash: u64,
    /// End of its tokens.
    pub end: u64,
}

/// Contents of [`GroupedTexts`], to be serialized.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupedTextsParts<'a> {
    /// Terms by id.
    pub terms: Vec<&'a str>,
    /// Names of the groups.
    pub groups: Vec<&'a str>,
    /// Term ids of all texts.
    pub tokens: &'a [u32],
    pub texts: &'a [GroupedText],
    pub halvings: u32,
}

impl Default for GroupedTexts {
    fn default() -> Self {
        Self::with_budget(MAX_BYTES)
    }
}

impl GroupedTexts {
    fn with_budget(max_bytes: usize) -> Self {
        Self {
            terms: HashMap::new(),
            term_bytes: 0,
            groups: HashMap::new(),
            tokens: Vec::new(),
            texts: Vec::new(),
            known: HashSet::new(),
            halvings: 0,
            max_bytes,
            text_terms: TextTerms::default(),
        }
    }

    /// Adds a text with the values of its attributes, such as `color: red`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than [`MAX_GROUPS`] groups.
    pub fn add(&mut self, text: &str, attributes: &[String], group: &str) -> Result<()> {
        let group = self.group_id(group)?;
        let mut terms = std::mem::take(&mut self.text_terms);
        let hash = terms.read(text, attributes);
        self.push_text(group, hash, terms.iter());
        self.text_terms = terms;
        self.shrink();
        Ok(())
    }

    fn is_sampled(&self, hash: u64) -> bool {
        hash.trailing_zeros() >= self.halvings
    }

    /// Adds a text, if it belongs to the sample and is not known. `None` is a break.
    fn push_text<'a>(
        &mut self,
        group: u32,
        hash: u64,
        terms: impl Iterator<Item = Option<&'a str>>,
    ) {
        if !self.is_sampled(hash) || !self.known.insert((group, hash)) {
            return;
        }
        for term in terms {
            let token = term.map_or(BREAK, |term| self.term_id(term));
            self.tokens.push(token);
        }
        let end = self.tokens.len() as u64;
        self.texts.push(GroupedText { group, hash, end });
    }

    /// Halves the sample until it fits the budget.
    fn shrink(&mut self) {
        while self.bytes() > self.max_bytes && self.halvings < u64::BITS {
            self.halve(self.halvings + 1);
        }
    }

    /// Keeps the sample of that number of halvings.
    fn halve(&mut self, halvings: u32) {
        let mut old_terms = vec![""; self.terms.len()];
        for (term, id) in &self.terms {
            old_terms[*id as usize] = term;
        }
        let mut sample = Self {
            halvings,
            groups: std::mem::take(&mut self.groups),
            ..Self::with_budget(self.max_bytes)
        };
        let mut start = 0;
        for text in &self.texts {
            let tokens = start..text.end as usize;
            start = tokens.end;
            let terms = self.tokens[tokens].iter();
            let terms = terms.map(|token| old_terms.get(*token as usize).copied());
            sample.push_text(text.group, text.hash, terms);
        }
        *self = sample;
    }

    fn group_id(&mut self, group: &str) -> Result<u32> {
        if let Some(id) = self.groups.get(group) {
            return Ok(*id);
        }
        let id = self.groups.len();
        if id == MAX_GROUPS {
            return Err(Error::Invalid(format!(
                "contrast compares at most {MAX_GROUPS} groups, and there are more, such as '{}'; group by a coarser \
                 column, or filter to the groups that are to be compared",
                group.chars().take(50).collect::<String>()
            )));
        }
        self.groups.insert(group.to_string(), id as u32);
        Ok(id as u32)
    }

    fn term_id(&mut self, term: &str) -> u32 {
        if let Some(id) = self.terms.get(term) {
            return *id;
        }
        let id = self.terms.len() as u32;
        self.term_bytes += term.len();
        self.terms.insert(term.to_string(), id);
        id
    }

    /// Adds the [`GroupedTexts::parts`] of other texts. Ids without a term are ignored.
    ///
    /// # Errors
    /// [`Error::Invalid`] for more than [`MAX_GROUPS`] groups.
    pub fn append(&mut self, parts: &GroupedTextsParts<'_>) -> Result<()> {
        let groups = parts.groups.iter().map(|group| self.group_id(group));
        let groups = groups.collect::<Result<Vec<u32>>>()?;
        if parts.halvings > self.halvings {
            self.halve(parts.halvings);
        }
        let mut start = 0;
        for text in parts.texts {
            let tokens = parts.tokens.get(start..text.end as usize);
            start = text.end as usize;
            let (Some(tokens), Some(group)) = (tokens, groups.get(text.group as usize)) else {
                continue;
            };
            let terms = tokens.iter();
            let terms = terms.map(|token| parts.terms.get(*token as usize).copied());
            self.push_text(*group, text.hash, terms);
            self.shrink();
        }
        Ok(())
    }

    /// The contents.
    pub fn parts(&self) -> GroupedTextsParts<'_> {
        GroupedTextsParts {
            terms: by_id(&self.terms),
            groups: by_id(&self.groups),
            tokens: &self.tokens,
            texts: &self.texts,
            halvings: self.halvings,
        }
    }

    /// Whether no text was added.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// Bytes of the terms and texts. The same texts give the same number in any order.
    fn bytes(&self) -> usize {
        self.term_bytes
            + self.terms.len() * TERM_BYTES
            + self.tokens.len() * size_of::<u32>()
            + self.texts.len() * TEXT_BYTES
    }

    /// Approximate bytes in memory.
    pub fn size(&self) -> usize {
        let groups = self.groups.keys().map(|group| group.len() + TERM_BYTES);
        self.bytes() + groups.sum::<usize>()
    }
}

fn by_id(ids: &HashMap<String, u32>) -> Vec<&str> {
    let mut names = vec![""; ids.len()];
    for (name, id) in ids {
        names[*id as usize] = name;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups and terms of all texts, sorted.
    fn contents(texts: &GroupedTexts) -> Vec<(String, Vec<String>)> {
        let parts = texts.parts();
        let mut start = 0;
        let mut contents: Vec<_> = parts
            .texts
            .iter()
            .map(|text| {
                let tokens = &parts.tokens[start..text.end as usize];
                start = text.end as usize;
                let terms = tokens.iter().map(|token| {
                    let term = parts.terms.get(*token as usize);
                    term.map_or("|".to_string(), |term| term.to_string())
                });
                (
                    parts.groups[text.group as usize].to_string(),
                    terms.collect(),
                )
            })
            .collect();
        contents.sort();
        contents
    }

    #[test]
    fn texts_with_the_same_tokens_count_once_in_a_group() {
        let mut texts = GroupedTexts::default();
        texts.add("Red shoe", &[], "a").unwrap();
        texts.add("red SHOE!", &[], "b").unwrap();
        texts.add("red  shoe", &[], "a").unwrap();
        texts
            .add("red shoe", &["color: red".to_string()], "a")
            .unwrap();
        let contents = contents(&texts);
        let groups: Vec<&str> = contents.iter().map(|(group, _)| group.as_str()).collect();
        assert_eq!(groups, ["a", "a", "b"]);
        assert_eq!(contents[0].1, ["red", "shoe"]);
        assert_eq!(contents[1].1, ["red", "shoe", "|", "\0color: red"]);
    }

    #[test]
    fn order_and_parts_do_not_change_a_sample() {
        const BUDGET: usize = 8_000;
        let text = |i: usize| format!("word{i} common {}", i % 7);
        let group = |i: usize| ["a", "b", "c"][i % 3];
        let mut whole = GroupedTexts::with_budget(BUDGET);
        for i in 0..500 {
            whole.add(&text(i), &[], group(i)).unwrap();
        }
        assert!(whole.halvings >= 2 && !whole.is_empty());
        assert!(whole.size() <= BUDGET + 3 * (TERM_BYTES + 1));
        for parts in [2, 3, 7] {
            let mut merged = GroupedTexts::with_budget(BUDGET);
            for part in (0..parts).rev() {
                let mut texts = GroupedTexts::with_budget(BUDGET);
                for i in (0..500).rev().filter(|i| i % parts == part) {
                    texts.add(&text(i), &[], group(i)).unwrap();
                }
                merged.append(&texts.parts()).unwrap();
            }
            assert_eq!(contents(&merged), contents(&whole));
            assert_eq!(merged.halvings, whole.halvings);
        }
    }

    #[test]
    fn hostile_input_is_bounded() {
        let mut texts = GroupedTexts::default();
        for i in 0..MAX_GROUPS {
            texts.add("shoe", &[], &i.to_string()).unwrap();
        }
        let error = texts.add("shoe", &[], "one too many").unwrap_err();
        assert!(error.to_string().contains("at most 1000 groups"), "{error}");
        // Damaged parts.
        let text = GroupedText {
            group: 9,
            hash: 0,
            end: u64::MAX,
        };
        let parts = GroupedTextsParts {
            terms: vec![],
            groups: vec![],
            tokens: &[1, 2],
            texts: &[text],
            halvings: 0,
        };
        let mut merged = GroupedTexts::default();
        merged.append(&parts).unwrap();
        assert!(merged.is_empty());
    }
}
