//! Contexts of rows, such as categories, and the attributes of each.

use std::collections::HashMap;

use super::hashing::{hash_text, mix};

/// Contexts of the training rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContextVocabulary {
    /// By hash: the position.
    positions: HashMap<u64, usize>,
    /// By position: hash, and by attribute the number of labelled rows.
    pub contexts: Vec<(u64, Vec<u32>)>,
}

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
    /// The vocabulary of such contexts.
    pub fn from_contexts(contexts: Vec<(u64, Vec<u32>)>) -> Self {
        let positions = contexts
            .iter()
            .enumerate()
            .map(|(at, (hash, _))| (*hash, at));
        Self {
            positions: positions.collect(),
            contexts,
        }
    }

    /// The position of the context of a row, whose labelled attributes are counted.
    pub fn add<'a>(
        &mut self,
        columns: impl IntoIterator<Item = Option<&'a str>>,
        values: &[Option<&Vec<String>>],
    ) -> Option<usize> {
        let hash = context_hash(columns)?;
        let contexts = &mut self.contexts;
        let position = *self.positions.entry(hash).or_insert_with(|| {
            contexts.push((hash, vec![0; values.len()]));
            contexts.len() - 1
        });
        for (count, value) in contexts[position].1.iter_mut().zip(values) {
            *count += u32::from(value.is_some());
        }
        Some(position)
    }

    /// The position of a hash.
    pub fn get(&self, hash: u64) -> Option<usize> {
        self.positions.get(&hash).copied()
    }

    /// The attributes that occur in a context: all those with a labelled row.
    pub fn attributes(&self, position: usize) -> Vec<usize> {
        let counts = self.contexts[position].1.iter().enumerate();
        counts
            .filter(|(_, rows)| **rows > 0)
            .map(|(at, _)| at)
            .collect()
    }
}
