//! Contexts of rows, such as categories: the attributes of each, and its words.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::hashing::{HashedMap, hash_text, mix};

/// Rows of a context below which any attribute may occur in it.
const MIN_ROWS: u32 = 10;

/// Rows that a word needs to tell contexts apart.
const MIN_WORD_ROWS: u32 = 2;

/// Contexts of the training rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContextVocabulary {
    /// By hash: the position.
    positions: HashMap<u64, usize>,
    pub contexts: Vec<Context>,
    /// By word: contexts with the number of rows.
    words: HashedMap<Vec<(u32, u32)>>,
}

/// Context of rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    pub hash: u64,
    pub rows: u32,
    /// By attribute: labelled rows.
    pub labelled: Vec<u32>,
}

/// Word of a context: its hash, the position of the context, the number of rows.
pub type ContextWord = (u64, u32, u32);

/// Hash of the context columns of a row; `None` without any text.
pub fn context_hash<'a>(columns: impl IntoIterator<Item = Option<&'a str>>) -> Option<u64> {
    let (mut hash, mut is_given) = (0, false);
    for column in columns {
        let text = column.map(str::trim).filter(|text| !text.is_empty());
        is_given |= text.is_some();
        hash = mix(hash, text.map_or(0, hash_text));
    }
    is_given.then_some(hash)
}

impl ContextVocabulary {
    /// The vocabulary of such parts.
    pub fn from_parts(
        contexts: Vec<Context>,
        words: impl IntoIterator<Item = ContextWord>,
    ) -> Self {
        let positions = contexts
            .iter()
            .enumerate()
            .map(|(at, context)| (context.hash, at));
        let mut of_words: HashedMap<Vec<(u32, u32)>> = HashedMap::default();
        for (word, context, rows) in words {
            of_words.entry(word).or_default().push((context, rows));
        }
        Self {
            positions: positions.collect(),
            contexts,
            words: of_words,
        }
    }

    /// The words in the order of their hashes.
    pub fn words(&self) -> Vec<ContextWord> {
        let words = self.words.iter();
        let mut all: Vec<ContextWord> = words
            .flat_map(|(word, counts)| counts.iter().map(|(at, rows)| (*word, *at, *rows)))
            .collect();
        all.sort_unstable();
        all
    }

    /// The position of the context of a row, whose labelled attributes are counted.
    pub fn add(&mut self, hash: u64, values: &[Option<&Vec<String>>]) -> usize {
        let contexts = &mut self.contexts;
        let position = *self.positions.entry(hash).or_insert_with(|| {
            contexts.push(Context {
                hash,
                rows: 0,
                labelled: vec![0; values.len()],
            });
            contexts.len() - 1
        });
        let context = &mut contexts[position];
        context.rows += 1;
        for (count, value) in context.labelled.iter_mut().zip(values) {
            *count += u32::from(value.is_some());
        }
        position
    }

    /// Counts the words of rows with their contexts.
    pub fn count_words<'a>(&mut self, rows: impl Iterator<Item = (usize, HashSet<&'a u64>)>) {
        let mut counts: BTreeMap<u64, BTreeMap<u32, u32>> = BTreeMap::new();
        for (context, words) in rows {
            for word in words {
                *counts
                    .entry(*word)
                    .or_default()
                    .entry(context as u32)
                    .or_default() += 1;
            }
        }
        counts.retain(|_, contexts| contexts.values().sum::<u32>() >= MIN_WORD_ROWS);
        let words = counts.into_iter();
        self.words = words
            .map(|(word, of)| (word, of.into_iter().collect()))
            .collect();
    }

    /// The position of a context.
    pub fn get(&self, hash: u64) -> Option<usize> {
        self.positions.get(&hash).copied()
    }

    /// The most probable context of a row with these words (naive Bayes); `None` without
    /// a known word.
    pub fn guess<'a>(&self, words: impl Iterator<Item = &'a u64>) -> Option<usize> {
        let mut rows: Vec<f64> = vec![0.0; self.contexts.len()];
        let mut known = 0;
        // The score of a context with a word above that of one without.
        let unseen = |at: usize| -(f64::from(self.contexts[at].rows) + 1.0).ln();
        for word in words {
            let Some(counts) = self.words.get(word) else {
                continue;
            };
            known += 1;
            for (at, count) in counts {
                rows[*at as usize] += (f64::from(*count) + SMOOTHING).ln() - SMOOTHING.ln();
            }
        }
        let score = |at: usize| {
            let prior = (f64::from(self.contexts[at].rows) + 1.0).ln();
            rows[at] + f64::from(known) * unseen(at) + prior
        };
        let positions = 0..self.contexts.len();
        let best = positions.reduce(|best, at| if score(at) > score(best) { at } else { best });
        best.filter(|_| known > 0)
    }

    /// The attributes that occur in a context: all those with a labelled row.
    pub fn attributes(&self, position: usize) -> Vec<usize> {
        let context = &self.contexts[position];
        let labelled = context.labelled.iter().enumerate();
        let may_occur = |rows: u32| rows > 0 || context.rows < MIN_ROWS;
        labelled
            .filter(|(_, rows)| may_occur(**rows))
            .map(|(at, _)| at)
            .collect()
    }
}

/// Rows added to those of a word in a context.
const SMOOTHING: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_context_is_guessed_from_the_words() {
        let mut vocabulary = ContextVocabulary::default();
        let values = vec!["a".to_string()];
        let [shoes, books] = ["Shoes", "books"].map(|name| context_hash([Some(name)]).unwrap());
        assert_eq!(vocabulary.add(shoes, &[Some(&values), None]), 0);
        assert_eq!(vocabulary.add(books, &[None, None]), 1);
        assert_eq!(vocabulary.add(shoes, &[None, None]), 0);
        assert_eq!(vocabulary.contexts[0].labelled, [1, 0]);
        assert_eq!(vocabulary.attributes(0), [0, 1], "few rows");
        let rows = [(0, [1, 2]), (1, [3, 4]), (0, [1, 3]), (1, [3, 2])];
        vocabulary.count_words(rows.iter().map(|(at, words)| (*at, words.iter().collect())));
        assert_eq!(vocabulary.guess([1].iter()), Some(0));
        assert_eq!(vocabulary.guess([3].iter()), Some(1));
        assert_eq!(vocabulary.guess([4].iter()), None, "a word of one row");
        let contexts = vocabulary.contexts.clone();
        assert_eq!(
            ContextVocabulary::from_parts(contexts, vocabulary.words()),
            vocabulary
        );
        assert_eq!(
            context_hash([Some(" SHOES "), None]),
            context_hash([Some("shoes"), None])
        );
        assert_eq!(context_hash([None, Some(" ")]), None);
    }
}
