//! Model of `CREATE MODEL ... MATCH`: a scorer of pairs, and its file.

use serde::{Deserialize, Serialize};

use super::pair_features::FEATURE_NAMES;
use super::pair_scorer::PairScorer;
use crate::evaluation::LabelCounts;

/// Largest size of the body of a file.
const MAX_BYTES: usize = 1 << 20;

/// Largest absolute weight; log-odds beyond are certain anyway.
const MAX_WEIGHT: f32 = 1e4;

/// Scorer that learnt from labelled pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct TrainedMatcher {
    pub metadata: MatcherMetadata,
    pub scorer: PairScorer,
}

/// Metadata of a matcher: everything but its weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MatcherMetadata {
    pub name: String,
    /// Version of semql that trained it.
    pub semql_version: String,
    /// Columns of the products: some of `title`, `text` and `price`.
    pub columns: Vec<String>,
    /// Encoder of the titles, and its revision.
    pub encoder: String,
    pub revision: String,
    /// Distinct pairs that it learnt from, and those of them that match.
    pub pairs: u64,
    pub matches: u64,
    /// Rows without a label or a text.
    pub skipped_rows: u64,
    /// Pairs with contradicting labels, which it did not learn from.
    pub conflicts: u64,
    /// Hash of the training pairs, which does not depend on their order.
    pub fingerprint: String,
    /// Strength of the prior, chosen on held-out pairs.
    pub strength: f64,
    /// Quality on held-out pairs, and that of the scorer without training on the same.
    pub quality: PairQuality,
    pub untrained: PairQuality,
}

/// Pairs that a scorer found at a probability of 0.5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairQuality {
    /// Pairs that match and were found.
    pub hits: u64,
    /// Pairs that were found.
    pub found: u64,
    /// Pairs that match.
    pub matches: u64,
}

impl PairQuality {
    /// Precision, recall and F1.
    pub fn counts(&self) -> LabelCounts {
        LabelCounts {
            hits: self.hits,
            predicted: self.found,
            rows: self.matches,
        }
    }
}

/// Body of the file, in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MatcherFile {
    metadata: MatcherMetadata,
    intercept: f32,
    /// By name of the feature.
    weights: Vec<(String, f32)>,
}

impl TrainedMatcher {
    /// The matcher as bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let weights = self.weights();
        let file = MatcherFile {
            metadata: self.metadata.clone(),
            intercept: self.scorer.intercept,
            weights: weights
                .map(|(name, weight)| (name.to_string(), weight))
                .collect(),
        };
        // Strings, finite numbers and lists always have a JSON form.
        serde_json::to_vec(&file).unwrap_or_default()
    }

    /// The matcher of a file; `None` for damaged bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_BYTES {
            return None;
        }
        let file: MatcherFile = serde_json::from_slice(bytes).ok()?;
        let mut scorer = PairScorer::default();
        if file.weights.len() != scorer.weights.len() {
            return None;
        }
        scorer.intercept = file.intercept;
        let named = scorer.weights.iter_mut().zip(FEATURE_NAMES);
        for ((weight, expected), (name, value)) in named.zip(&file.weights) {
            if name != expected {
                return None;
            }
            *weight = *value;
        }
        let is_valid = |weight: &f32| weight.abs() <= MAX_WEIGHT;
        let is_valid = is_valid(&scorer.intercept) && scorer.weights.iter().all(is_valid);
        is_valid.then_some(Self {
            metadata: file.metadata,
            scorer,
        })
    }

    /// The weight of each feature, in log-odds.
    pub fn weights(&self) -> impl Iterator<Item = (&'static str, f32)> + '_ {
        let weights = FEATURE_NAMES.iter().zip(&self.scorer.weights);
        weights.map(|(name, weight)| (*name, *weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use semql_inference::mutations::{cases, mutate};
    use semql_inference::random::Random;

    fn matcher() -> TrainedMatcher {
        TrainedMatcher {
            metadata: MatcherMetadata {
                name: "same \"é\" 📚".to_string(),
                strength: 0.3,
                ..MatcherMetadata::default()
            },
            scorer: PairScorer::default(),
        }
    }

    #[test]
    fn a_matcher_is_read_back() {
        let matcher = matcher();
        let bytes = matcher.to_bytes();
        assert_eq!(TrainedMatcher::from_bytes(&bytes), Some(matcher));
        let text = String::from_utf8(bytes).unwrap();
        for (from, to) in [
            ("\"intercept\":-6.5", "\"intercept\":-6e9"),
            ("\"intercept\":-6.5", "\"intercept\":null"),
            ("\"title similarity\"", "\"similarity\""),
            ("\"intercept\"", "\"other\":1,\"intercept\""),
        ] {
            assert!(text.contains(from), "{text}");
            let damaged = text.replacen(from, to, 1);
            assert_eq!(TrainedMatcher::from_bytes(damaged.as_bytes()), None);
        }
    }

    #[test]
    fn mutated_files_are_refused_or_have_finite_weights() {
        let whole = matcher().to_bytes();
        let mut random = Random::new(3);
        let (mut refused, cases) = (0, cases(300));
        for _ in 0..cases {
            let mut bytes = whole.clone();
            mutate(&mut bytes, &mut random);
            match TrainedMatcher::from_bytes(&bytes) {
                Some(found) => assert!(found.weights().all(|(_, weight)| weight.is_finite())),
                None => refused += 1,
            }
        }
        assert!(refused > cases / 4, "{refused} of {cases}");
    }
}
