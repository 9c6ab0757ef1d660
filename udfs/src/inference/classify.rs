//! Choosing a label by the likeness of a text to the labels' phrases.
//!
//! The constants were chosen on labelled product offers; they sit on a broad
//! plateau, where a third more or less costs under a point of accuracy.

use std::collections::HashSet;

use super::{Encoder, Reading, Run};
use crate::error::Result;
use crate::taxonomy::Taxonomy;
use crate::vector::dot;

/// How many of a label's nearest phrases count; a label with fewer uses them all.
const NEAREST_PHRASES: usize = 16;

/// Inverse temperature of the soft maximum over them.
const SHARPNESS: f32 = 15.0;

/// What it adds when the words of a phrase all stand in the text.
const LEXICAL_BONUS: f32 = 0.05;

/// Words that say nothing of a product.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "for", "in", "of", "on", "or", "the", "to", "with",
];

/// A taxonomy whose phrases went through a model.
pub struct Classifier {
    pub labels: Vec<String>,
    dims: usize,
    /// Phrase vectors, those of one label together.
    phrases: Vec<f32>,
    /// Per label, where its phrases end.
    ends: Vec<usize>,
    /// Per label, the words of each of its phrases; none for a bare label,
    /// whose name is rarely what a text calls the thing.
    words: Vec<Vec<HashSet<String>>>,
}

impl Classifier {
    /// Encodes the phrases of `taxonomy`, which has been validated.
    pub fn new(taxonomy: &Taxonomy, encoder: &Encoder, run: &Run) -> Result<Self> {
        let prompts = taxonomy.prompts();
        let texts: Vec<Reading<'_>> = prompts
            .iter()
            .map(|(_, text)| Some(text.as_str().into()))
            .collect();
        let vectors = encoder.encode(&texts, run)?;
        let mut phrases = Vec::with_capacity(texts.len() * encoder.dims);
        let mut ends = vec![0; taxonomy.labels.len()];
        for (prompt, (label, _)) in prompts.iter().enumerate() {
            if let Some(vector) = vectors.get(prompt) {
                phrases.extend_from_slice(vector);
            }
            ends[*label] = phrases.len() / encoder.dims;
        }
        let words = |phrases: &[String]| {
            let sets = phrases.iter().map(|phrase| words(phrase));
            sets.filter(|set| !set.is_empty()).collect()
        };
        Ok(Self {
            labels: taxonomy.labels.iter().map(|l| l.name.clone()).collect(),
            dims: encoder.dims,
            phrases,
            ends,
            words: taxonomy.labels.iter().map(|l| words(&l.phrases)).collect(),
        })
    }

    /// Per label, how near `vector` (unit length) is to its phrases: a soft
    /// maximum of cosines, in -1..1.
    pub fn scores(&self, vector: &[f32]) -> Vec<f32> {
        let mut start = 0;
        self.ends
            .iter()
            .map(|&end| {
                let own = &self.phrases[start * self.dims..end * self.dims];
                start = end;
                let mut cosines: Vec<f32> = own
                    .chunks_exact(self.dims)
                    .map(|p| dot(p, vector))
                    .collect();
                cosines.sort_by(|a, b| b.total_cmp(a));
                cosines.truncate(NEAREST_PHRASES);
                soft_maximum(&cosines)
            })
            .collect()
    }

    /// Per label, the bonus for phrases whose words stand in `head`: all of a
    /// phrase's words give it whole, a part of them that part.
    pub fn lexical_bonus(&self, head: &str) -> Vec<f32> {
        let head = words(head);
        self.words
            .iter()
            .map(|phrases| {
                let shares = phrases
                    .iter()
                    .map(|phrase| phrase.intersection(&head).count() as f32 / phrase.len() as f32);
                LEXICAL_BONUS * shares.fold(0.0, f32::max)
            })
            .collect()
    }
}

/// `ln(mean(exp(SHARPNESS * c))) / SHARPNESS` over descending `cosines`.
fn soft_maximum(cosines: &[f32]) -> f32 {
    let Some(&top) = cosines.first() else {
        return f32::NEG_INFINITY;
    };
    let sum: f32 = cosines.iter().map(|c| ((c - top) * SHARPNESS).exp()).sum();
    top + (sum / cosines.len() as f32).ln() / SHARPNESS
}

/// The words of a text, lower case, without stop words, a plural `s` dropped.
fn words(text: &str) -> HashSet<String> {
    let lower = text.to_lowercase();
    lower
        .split(|c: char| !c.is_alphanumeric())
        .map(singular)
        .filter(|word| !word.is_empty() && !STOP_WORDS.contains(word))
        .map(str::to_string)
        .collect()
}

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(rest) if rest.chars().count() > 2 && !rest.ends_with('s') => rest,
        _ => word,
    }
}

/// The position of the highest score; of equal ones the first.
pub fn best(scores: &[f32]) -> Option<usize> {
    let mut best = None;
    for (label, score) in scores.iter().enumerate() {
        if best.is_none_or(|b: usize| *score > scores[b]) {
            best = Some(label);
        }
    }
    best
}

/// Labels and scores, best first; equal ones in the labels' order.
pub fn scored(scores: &[f32]) -> Vec<(usize, f32)> {
    let mut all: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_first_label() {
        assert_eq!(best(&[0.2, 0.9, 0.9]), Some(1));
        assert_eq!(best(&[]), None);
        assert_eq!(scored(&[0.2, 0.9, 0.9]), [(1, 0.9), (2, 0.9), (0, 0.2)]);
    }

    #[test]
    fn one_phrase_scores_by_its_cosine_and_many_by_the_nearest() {
        let classifier = Classifier {
            labels: vec!["a".into(), "b".into()],
            dims: 2,
            phrases: vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8],
            ends: vec![2, 3],
            words: vec![vec![], vec![]],
        };
        let scores = classifier.scores(&[1.0, 0.0]);
        assert!((scores[1] - 0.6).abs() < 1e-6);
        let mean_of_exponentials = ((15f32.exp() + 1.0) / 2.0).ln() / 15.0;
        assert!((scores[0] - mean_of_exponentials).abs() < 1e-6);
    }

    #[test]
    fn the_bonus_is_the_share_of_a_phrases_words() {
        let classifier = Classifier {
            labels: vec!["a".into(), "b".into(), "c".into()],
            dims: 1,
            phrases: vec![],
            ends: vec![0, 0, 0],
            words: vec![
                vec![words("running shoes")],
                vec![words("the glass")],
                vec![],
            ],
        };
        let bonus = classifier.lexical_bonus("Shoe of GLASS");
        assert_eq!(bonus, [LEXICAL_BONUS / 2.0, LEXICAL_BONUS, 0.0]);
        assert_eq!(singular("bus"), "bus");
        assert_eq!(singular("dress"), "dress");
        assert_eq!(singular("cats"), "cat");
    }
}
