//! Zero-shot classification: scores labels by the similarity of a text to their
//! phrases.
//!
//! The constants were tuned on labelled products. The optimum is flat: a change of
//! any constant by a third costs less than one point of accuracy.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::encoding::{EncodeContext, Encoder, ModelInput, product_text};
use crate::error::Result;
use crate::taxonomy::Taxonomy;
use crate::vector::dot;

/// Maximum number of a label's nearest phrases that determine its score.
const MAX_PHRASES: usize = 16;

/// Inverse temperature of the soft maximum over the phrases.
const SHARPNESS: f32 = 15.0;

/// Bonus if the text has all words of a phrase.
const LEXICAL_BONUS: f32 = 0.05;

/// Weight of the similarity to a label's examples above [`UNRELATED_SIMILARITY`].
const EXAMPLE_WEIGHT: f32 = 0.2;

/// Typical similarity to the examples of other labels.
const UNRELATED_SIMILARITY: f32 = 0.2;

/// Words without a meaning for classification.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "for", "in", "of", "on", "or", "the", "to", "with",
];

/// A taxonomy with the vectors of its phrases and examples.
pub struct Classifier {
    pub labels: Vec<String>,
    dims: usize,
    /// Vectors of phrases, grouped by label, then vectors of examples, grouped by
    /// label.
    vectors: Vec<f32>,
    /// Per label, the end of its phrases.
    phrase_ends: Vec<usize>,
    /// Label and text of each phrase, then of each example.
    prompts: Vec<(usize, String)>,
    lexicon: Lexicon,
}

impl Classifier {
    /// Encodes the phrases and examples of `taxonomy`, which must be valid.
    ///
    /// # Errors
    /// Those of [`Encoder::encode`].
    pub fn new(taxonomy: &Taxonomy, encoder: &Encoder, context: &EncodeContext) -> Result<Self> {
        let prompts = taxonomy.prompts();
        let texts: Vec<ModelInput<'_>> = prompts
            .iter()
            .map(|(_, text)| Some(text.as_str().into()))
            .collect();
        let vectors = encoder.encode(&texts, context)?;
        let mut all_vectors = Vec::with_capacity(texts.len() * encoder.dims);
        let mut phrase_ends = vec![0; taxonomy.labels.len()];
        let mut all_prompts = Vec::with_capacity(texts.len());
        for (prompt, (label, text)) in prompts.iter().enumerate() {
            if let Some(vector) = vectors.get(prompt) {
                all_vectors.extend_from_slice(vector);
                all_prompts.push((*label, text.clone()));
            }
            phrase_ends[*label] = all_prompts.len();
        }
        for (label, text, vector) in examples(taxonomy, encoder, context)? {
            all_vectors.extend(vector);
            all_prompts.push((label, text));
        }
        Ok(Self {
            labels: taxonomy.labels.iter().map(|l| l.name.clone()).collect(),
            dims: encoder.dims,
            vectors: all_vectors,
            phrase_ends,
            prompts: all_prompts,
            lexicon: Lexicon::new(taxonomy.labels.iter().map(|l| l.phrases.as_slice())),
        })
    }

    /// The vectors of all phrases and examples: count x dims.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// The `limit` phrases nearest to `vector` (unit length): label, phrase and cosine,
    /// nearest first.
    pub fn nearest_phrases(&self, vector: &[f32], limit: usize) -> Vec<(usize, &str, f32)> {
        self.nearest_prompts(vector, 0..self.phrase_count(), limit)
    }

    /// Like [`nearest_phrases`](Self::nearest_phrases), for examples.
    pub fn nearest_examples(&self, vector: &[f32], limit: usize) -> Vec<(usize, &str, f32)> {
        self.nearest_prompts(vector, self.phrase_count()..self.prompts.len(), limit)
    }

    fn nearest_prompts(
        &self,
        vector: &[f32],
        range: Range<usize>,
        limit: usize,
    ) -> Vec<(usize, &str, f32)> {
        let with_cosine = |at: usize| {
            let (label, text) = &self.prompts[at];
            let prompt = &self.vectors[at * self.dims..][..self.dims];
            (*label, text.as_str(), dot(prompt, vector))
        };
        let mut all: Vec<_> = range.map(with_cosine).collect();
        all.sort_by(|a, b| b.2.total_cmp(&a.2));
        all.truncate(limit);
        all
    }

    /// Label, text and vector of a phrase.
    pub fn phrase(&self, at: usize) -> (usize, &str, &[f32]) {
        let (label, text) = &self.prompts[at];
        (*label, text, &self.vectors[at * self.dims..][..self.dims])
    }

    /// Like [`scores`](Self::scores), without the phrase number `phrase`.
    pub fn scores_without(&self, phrase: usize, vector: &[f32], head: Option<&str>) -> Vec<f32> {
        let known = self.vectors.chunks_exact(self.dims);
        let mut cosines: Vec<f32> = known.map(|known| dot(known, vector)).collect();
        cosines[phrase] = -1.0;
        self.score(&mut cosines, head)
    }

    /// Number of phrases; their vectors come first.
    pub fn phrase_count(&self) -> usize {
        self.phrase_ends.last().copied().unwrap_or(0)
    }

    /// Score of each label for `vector` (unit length): a soft maximum of the cosines to
    /// its phrases, in -1..1; a bonus for the words of `head`; and the weighted
    /// similarity to its examples, if it has any.
    pub fn scores(&self, vector: &[f32], head: Option<&str>) -> Vec<f32> {
        let known = self.vectors.chunks_exact(self.dims);
        let mut cosines: Vec<f32> = known.map(|known| dot(known, vector)).collect();
        self.score(&mut cosines, head)
    }

    /// Like [`scores`](Self::scores), from the cosines to all [`vectors`](Self::vectors).
    /// Reorders the cosines.
    pub fn score(&self, cosines: &mut [f32], head: Option<&str>) -> Vec<f32> {
        let mut start = 0;
        let mut scores: Vec<f32> = self
            .phrase_ends
            .iter()
            .map(|&end| {
                let own = &mut cosines[start..end];
                start = end;
                own.sort_unstable_by(|a, b| b.total_cmp(a));
                soft_maximum(&own[..own.len().min(MAX_PHRASES)])
            })
            .collect();
        if let Some(head) = head {
            self.lexicon.add_bonus(head, &mut scores);
        }
        let examples = self.prompts[start..].chunk_by(|a, b| a.0 == b.0);
        for of_label in examples {
            let own = &mut cosines[start..start + of_label.len()];
            start += of_label.len();
            own.sort_unstable_by(|a, b| b.total_cmp(a));
            scores[of_label[0].0] += EXAMPLE_WEIGHT * (soft_maximum(own) - UNRELATED_SIMILARITY);
        }
        scores
    }
}

/// The examples of a taxonomy, encoded like products: label, text and vector.
fn examples(
    taxonomy: &Taxonomy,
    encoder: &Encoder,
    context: &EncodeContext,
) -> Result<Vec<(usize, String, Vec<f32>)>> {
    let all: Vec<_> = taxonomy
        .labels
        .iter()
        .enumerate()
        .flat_map(|(at, label)| {
            label
                .examples
                .iter()
                .map(move |example| (at, example.parts()))
        })
        .collect();
    let texts: Vec<ModelInput<'_>> = all
        .iter()
        .flat_map(|(_, [title, text])| product_text::inputs(*title, *text))
        .collect();
    let vectors = encoder.encode(&texts, context)?;
    let example = |(at, (label, [title, text])): (usize, &(usize, [Option<&str>; 2]))| {
        let first = at * product_text::INPUTS;
        let input_vectors = [vectors.get(first), vectors.get(first + 1)];
        let vector = product_text::vector(*title, *text, input_vectors)?;
        let shown = product_text::head(*title, *text)?.to_string();
        Some((*label, shown, vector))
    };
    Ok(all.iter().enumerate().filter_map(example).collect())
}

/// Words of the phrases. A label without phrases has none: texts rarely contain its
/// name.
#[derive(Default)]
struct Lexicon {
    /// Per word, its phrases.
    phrases_with: HashMap<String, Vec<u32>>,
    /// Per phrase, its label and its number of words.
    phrases: Vec<(usize, usize)>,
}

impl Lexicon {
    fn new<'a>(labels: impl Iterator<Item = &'a [String]>) -> Self {
        let mut lexicon = Self::default();
        for (label, phrases) in labels.enumerate() {
            for phrase in phrases {
                let lower = phrase.to_lowercase();
                let words: HashSet<&str> = words(&lower).collect();
                let phrase = lexicon.phrases.len() as u32;
                lexicon.phrases.push((label, words.len()));
                for word in words {
                    let with = lexicon.phrases_with.entry(word.to_string()).or_default();
                    with.push(phrase);
                }
            }
        }
        lexicon
    }

    /// Adds a bonus to each label for its phrase with the largest share of words in
    /// `head`; the bonus is proportional to that share.
    fn add_bonus(&self, head: &str, scores: &mut [f32]) {
        if self.phrases.is_empty() {
            return;
        }
        let lower = head.to_lowercase();
        let mut seen: Vec<&str> = Vec::new();
        let mut hits: Vec<u32> = Vec::new();
        for word in words(&lower) {
            if let Some(phrases) = self.phrases_with.get(word)
                && !seen.contains(&word)
            {
                seen.push(word);
                hits.extend(phrases);
            }
        }
        hits.sort_unstable();
        let mut largest_shares = vec![0f32; scores.len()];
        for hits in hits.chunk_by(|a, b| a == b) {
            let (label, words) = self.phrases[hits[0] as usize];
            let share = hits.len() as f32 / words as f32;
            largest_shares[label] = largest_shares[label].max(share);
        }
        for (score, share) in scores.iter_mut().zip(largest_shares) {
            *score += LEXICAL_BONUS * share;
        }
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

/// The words of a lower-case text, without stop words, a plural `s` dropped.
fn words(lower: &str) -> impl Iterator<Item = &str> {
    lower
        .split(|c: char| !c.is_alphanumeric())
        .map(singular)
        .filter(|word| !word.is_empty() && !STOP_WORDS.contains(word))
}

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        Some(rest) if rest.chars().count() > 2 && !rest.ends_with('s') => rest,
        _ => word,
    }
}

/// Position of the highest score, the first one of equal scores.
pub fn best_label(scores: &[f32]) -> Option<usize> {
    let mut best = None;
    for (label, score) in scores.iter().enumerate() {
        if best.is_none_or(|b: usize| *score > scores[b]) {
            best = Some(label);
        }
    }
    best
}

/// Labels and scores, best first, equal ones in the order of the labels.
pub fn rank_labels(scores: &[f32]) -> Vec<(usize, f32)> {
    let mut all: Vec<(usize, f32)> = scores.iter().copied().enumerate().collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_labels_is_best() {
        assert_eq!(best_label(&[0.2, 0.9, 0.9]), Some(1));
        assert_eq!(best_label(&[]), None);
        assert_eq!(
            rank_labels(&[0.2, 0.9, 0.9]),
            [(1, 0.9), (2, 0.9), (0, 0.2)]
        );
    }

    #[test]
    fn the_score_is_a_soft_maximum_of_cosines() {
        let classifier = Classifier {
            labels: vec!["a".into(), "b".into()],
            dims: 2,
            vectors: vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8],
            phrase_ends: vec![2, 3],
            prompts: vec![(0, "x".into()), (0, "y".into()), (1, "z".into())],
            lexicon: Lexicon::default(),
        };
        let scores = classifier.scores(&[1.0, 0.0], None);
        assert!((scores[1] - 0.6).abs() < 1e-6);
        let mean_of_exponentials = ((15f32.exp() + 1.0) / 2.0).ln() / 15.0;
        assert!((scores[0] - mean_of_exponentials).abs() < 1e-6);
        assert_eq!(
            classifier.nearest_phrases(&[1.0, 0.0], 2),
            [(0, "x", 1.0), (1, "z", 0.6)]
        );
    }

    #[test]
    fn examples_affect_the_score_of_their_label_only() {
        let classifier = |examples: &[f32]| Classifier {
            labels: vec!["a".into(), "b".into()],
            dims: 2,
            vectors: [&[1.0, 0.0, 0.0, 1.0], examples].concat(),
            phrase_ends: vec![1, 2],
            prompts: vec![(0, "x".into()), (1, "y".into()), (1, "one".into())]
                [..2 + examples.len() / 2]
                .to_vec(),
            lexicon: Lexicon::default(),
        };
        let without = classifier(&[]).scores(&[0.8, 0.6], None);
        let with = classifier(&[0.8, 0.6]);
        let scores = with.scores(&[0.8, 0.6], None);
        assert_eq!(without[0], scores[0]);
        assert!(
            (scores[1] - without[1] - EXAMPLE_WEIGHT * (1.0 - UNRELATED_SIMILARITY)).abs() < 1e-6
        );
        assert_eq!(with.nearest_examples(&[0.8, 0.6], 5).len(), 1);
        assert_eq!(with.nearest_phrases(&[0.8, 0.6], 5).len(), 2);
    }

    #[test]
    fn the_bonus_is_proportional_to_the_share_of_words() {
        let labels = [
            vec!["running shoes".to_string()],
            vec!["the glass".to_string()],
            vec![],
        ];
        let lexicon = Lexicon::new(labels.iter().map(Vec::as_slice));
        let mut bonus = [0.0; 3];
        lexicon.add_bonus("Shoe of GLASS, glass shoe", &mut bonus);
        assert_eq!(bonus, [LEXICAL_BONUS / 2.0, LEXICAL_BONUS, 0.0]);
        assert_eq!(singular("bus"), "bus");
        assert_eq!(singular("dress"), "dress");
        assert_eq!(singular("cats"), "cat");
    }
}
