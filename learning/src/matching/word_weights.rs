//! Weights of words: rare words say more than common ones.

use std::collections::HashMap;

use super::facts::RecordFacts;
use crate::words::IdentityBuildHasher;

/// Inverse document frequencies of the words of a set of records.
#[derive(Debug, Default)]
pub struct WordWeights {
    weights: HashMap<u64, f32, IdentityBuildHasher>,
    /// Weight of a word that no record has.
    unknown: f32,
}

impl WordWeights {
    pub fn of(facts: &[RecordFacts]) -> Self {
        let mut counts: HashMap<u64, u32, IdentityBuildHasher> = HashMap::default();
        for word in facts.iter().flat_map(|facts| &facts.all_words) {
            *counts.entry(*word).or_default() += 1;
        }
        let records = facts.len() as f32;
        let weight = |count: f32| ((records + 1.0) / (count + 0.5)).ln().max(0.05);
        Self {
            weights: counts
                .into_iter()
                .map(|(word, count)| (word, weight(count as f32)))
                .collect(),
            unknown: weight(0.0),
        }
    }

    pub fn weight(&self, word: u64) -> f32 {
        self.weights.get(&word).copied().unwrap_or(self.unknown)
    }

    pub fn sum(&self, words: &[u64]) -> f32 {
        words.iter().map(|word| self.weight(*word)).sum()
    }

    /// Sum of the weights of the words that both sorted lists have.
    pub fn shared(&self, a: &[u64], b: &[u64]) -> f32 {
        let mut sum = 0.0;
        each_shared(a, b, |word| sum += self.weight(word));
        sum
    }

    /// Bytes of the map, about.
    pub fn heap_bytes(&self) -> usize {
        self.weights.capacity() * (size_of::<(u64, f32)>() + 1)
    }
}

/// Calls `each` with the words that both sorted lists have.
pub fn each_shared(a: &[u64], b: &[u64], mut each: impl FnMut(u64)) {
    let (mut left, mut right) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(left), b.get(right)) {
        match x.cmp(y) {
            std::cmp::Ordering::Less => left += 1,
            std::cmp::Ordering::Greater => right += 1,
            std::cmp::Ordering::Equal => {
                each(*x);
                left += 1;
                right += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_words_weigh_more() {
        let facts = |words: &[u64]| RecordFacts {
            all_words: words.to_vec(),
            ..RecordFacts::default()
        };
        let weights = WordWeights::of(&[facts(&[1, 2]), facts(&[1, 3]), facts(&[1])]);
        assert!(weights.weight(1) < weights.weight(2));
        assert!(weights.weight(2) < weights.weight(9));
        assert_eq!(weights.shared(&[1, 2, 4], &[2, 3, 4]), weights.sum(&[2, 4]));
    }
}
