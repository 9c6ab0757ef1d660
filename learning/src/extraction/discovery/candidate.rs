//! A possible attribute with its values by row.

use std::collections::{BTreeMap, HashMap};

use crate::extraction::normalization::FoldedValue;

/// How the values of an attribute are found in texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiscoveredKind {
    /// A closed set of values.
    Values,
    /// Numbers with a unit or another word.
    Quantity,
    /// Letters and digits of recurring shape.
    Code,
    /// The words after a cue.
    Cue,
}

impl DiscoveredKind {
    /// Text in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Values => "values",
            Self::Quantity => "quantity",
            Self::Code => "code",
            Self::Cue => "cue",
        }
    }
}

/// Rule that finds the values of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueRule {
    /// The values themselves.
    Listed,
    /// The values, and other names at the start of the first text.
    Leading,
    /// Quantities, converted to a unit.
    Unit(&'static str),
    /// A regular expression.
    Pattern(String),
    /// The words after a cue.
    After(String),
}

/// A possible attribute.
#[derive(Clone, Debug)]
pub struct AttributeCandidate {
    pub name: String,
    pub kind: DiscoveredKind,
    pub rule: ValueRule,
    /// Positions of rows, and the values of each row.
    pub rows: BTreeMap<usize, Vec<String>>,
}

impl AttributeCandidate {
    /// Values and the number of rows with each, the most frequent first, equal ones in
    /// alphabetical order. Values with the same letters are one, in the most frequent
    /// spelling.
    pub fn value_counts(&self) -> Vec<(String, u64)> {
        let mut spellings: HashMap<String, HashMap<&str, u64>> = HashMap::new();
        let mut counts: HashMap<String, u64> = HashMap::new();
        for values in self.rows.values() {
            let mut of_row: Vec<String> = Vec::new();
            for value in values {
                let key = letter_key(value);
                *spellings
                    .entry(key.clone())
                    .or_default()
                    .entry(value)
                    .or_default() += 1;
                of_row.push(key);
            }
            of_row.sort_unstable();
            of_row.dedup();
            for key in of_row {
                *counts.entry(key).or_default() += 1;
            }
        }
        let mut listed: Vec<(String, u64)> = counts
            .into_iter()
            .map(|(key, count)| {
                let spellings = spellings.get(&key).into_iter().flatten();
                let best = spellings.max_by(|a, b| a.1.cmp(b.1).then(b.0.cmp(a.0)));
                (best.map_or(key, |(value, _)| value.to_string()), count)
            })
            .collect();
        listed.sort_unstable_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
        listed
    }
}

/// Key of a value and its spelling variants.
fn letter_key(value: &str) -> String {
    let keys = FoldedValue::new(value).letter_keys();
    keys.into_iter()
        .next()
        .unwrap_or_else(|| value.to_lowercase())
}

/// `words` as the name of an attribute: lower case, with `_` between words.
pub fn attribute_name(words: &str) -> String {
    let mut name = String::new();
    for c in words.to_lowercase().chars() {
        match c.is_alphanumeric() {
            true => name.push(c),
            false if !name.is_empty() && !name.ends_with('_') => name.push('_'),
            false => {}
        }
    }
    name.trim_end_matches('_').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_are_counted_once_for_a_row() {
        let rows = [
            (0, vec!["Navy Blue".to_string(), "navy-blue".to_string()]),
            (1, vec!["Navy Blue".to_string()]),
            (2, vec!["red".to_string()]),
        ];
        let candidate = AttributeCandidate {
            name: "color".to_string(),
            kind: DiscoveredKind::Values,
            rule: ValueRule::Listed,
            rows: rows.into_iter().collect(),
        };
        let expected = [("Navy Blue".to_string(), 2), ("red".to_string(), 1)];
        assert_eq!(candidate.value_counts(), expected);
        assert_eq!(attribute_name(" Item # (Größe): "), "item_größe");
        assert_eq!(attribute_name("--"), "");
    }
}
