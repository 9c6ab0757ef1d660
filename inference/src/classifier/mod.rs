//! Zero-shot classification: scores labels by the similarity of a text to their names,
//! descriptions, phrases and examples.
//!
//! `label_texts.rs` chooses the texts that stand for a label, `lexicon.rs` compares words,
//! `fit.rs` decides whether a label fits at all, `adaptation.rs` adapts labels to many texts.
//!
//! The constants were tuned on labelled products and on labelled texts of other kinds.
//! The optimum is flat: a change of any constant by a third costs less than one point of
//! accuracy.

mod adaptation;
mod background;
mod fit;
mod label_texts;
mod label_vectors;
mod lexicon;
mod ranking;

use std::ops::Range;
use std::sync::OnceLock;

pub use self::adaptation::adapted_labels;
pub use self::fit::LabelFit;
use self::label_texts::{TextBlend, label_texts};
use self::label_vectors::{blended_vectors, examples};
use self::lexicon::Lexicon;
pub use self::ranking::{best_label, rank_labels};
use crate::encoding::{EncodeContext, Encoder};
use crate::error::Result;
use crate::taxonomy::Taxonomy;
use crate::vector::dot;

/// Maximum number of a label's nearest phrases that determine its score.
const MAX_PHRASES: usize = 16;

/// Inverse temperature of the soft maximum over phrases that decide alone.
const SHARPNESS: f32 = 15.0;

/// Inverse temperature of the soft maximum over phrases beside a name.
const SHARPNESS_BESIDE_NAME: f32 = 30.0;

/// Weight of the phrases beside a name, whose weight is the rest of 1.
const PHRASE_WEIGHT: f32 = 0.4;

/// Weight of the similarity to a label's examples above [`UNRELATED_SIMILARITY`].
const EXAMPLE_WEIGHT: f32 = 0.2;

/// Typical similarity to the examples of other labels.
const UNRELATED_SIMILARITY: f32 = 0.2;

/// A taxonomy with the vectors of its names, phrases and examples.
pub struct Classifier {
    pub labels: Vec<String>,
    dims: usize,
    /// Vectors of phrases, grouped by label; of examples, grouped by label; of names.
    vectors: Vec<f32>,
    /// Per label, the end of its phrases.
    phrase_ends: Vec<usize>,
    /// Label and text of each phrase, then of each example.
    prompts: Vec<(usize, String)>,
    /// Labels whose name has a vector, in the order of these vectors.
    named: Vec<usize>,
    lexicon: Lexicon,
    fit: OnceLock<LabelFit>,
}

impl Classifier {
    /// Encodes the names, phrases and examples of `taxonomy`, which must be valid.
    ///
    /// # Errors
    /// Those of [`Encoder::encode`].
    pub fn new(taxonomy: &Taxonomy, encoder: &Encoder, context: &EncodeContext) -> Result<Self> {
        let prefixed = encoder.spec.as_ref().is_some_and(|s| !s.prefix.is_empty());
        let texts = label_texts(taxonomy, prefixed);
        let labelled = texts.iter().enumerate();
        let phrases: Vec<(usize, &TextBlend)> = labelled
            .flat_map(|(label, texts)| texts.phrases.iter().map(move |phrase| (label, phrase)))
            .collect();
        let labelled = texts.iter().enumerate();
        let names: Vec<(usize, &TextBlend)> = labelled
            .filter_map(|(label, texts)| Some((label, texts.name.as_ref()?)))
            .collect();
        let blends = phrases.iter().chain(&names).map(|(_, blend)| *blend);
        let mut blended = blended_vectors(blends, encoder, context)?.into_iter();

        let mut classifier = Self {
            labels: taxonomy.labels.iter().map(|l| l.name.clone()).collect(),
            dims: encoder.dims,
            vectors: Vec::new(),
            phrase_ends: vec![0; taxonomy.labels.len()],
            prompts: Vec::new(),
            named: Vec::new(),
            lexicon: Lexicon::new(taxonomy.labels.iter().map(|l| l.phrases.as_slice())),
            fit: OnceLock::new(),
        };
        for (label, phrase) in phrases {
            if let Some(Some(vector)) = blended.next() {
                classifier.vectors.extend(vector);
                classifier.prompts.push((label, phrase.shown.clone()));
            }
            classifier.phrase_ends[label] = classifier.prompts.len();
        }
        for (label, text, vector) in examples(taxonomy, encoder, context)? {
            classifier.vectors.extend(vector);
            classifier.prompts.push((label, text));
        }
        for ((label, _), vector) in names.into_iter().zip(blended) {
            if let Some(vector) = vector {
                classifier.vectors.extend(vector);
                classifier.named.push(label);
            }
        }
        Ok(classifier)
    }

    /// Decides which labels fit a text. Computed at the first use.
    ///
    /// # Errors
    /// Those of [`Encoder::encode`].
    pub fn fit(&self, encoder: &Encoder, context: &EncodeContext) -> Result<&LabelFit> {
        if let Some(fit) = self.fit.get() {
            return Ok(fit);
        }
        let scores_of = |vector: &[f32]| self.scores(vector, None);
        let fit = LabelFit::new(self.labels.len(), scores_of, encoder, context)?;
        Ok(self.fit.get_or_init(|| fit))
    }

    /// The vectors of all phrases, examples and names: count x dims.
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
        let mut cosines = self.cosines(vector);
        cosines[phrase] = -1.0;
        self.score(&mut cosines, head)
    }

    /// Number of phrases; their vectors come first.
    pub fn phrase_count(&self) -> usize {
        self.phrase_ends.last().copied().unwrap_or(0)
    }

    /// Score of each label for `vector` (unit length): a soft maximum of the cosines to
    /// its phrases, averaged with the cosine to its name, in -1..1; a bonus for the words
    /// of `head`; and the weighted similarity to its examples, if it has any.
    pub fn scores(&self, vector: &[f32], head: Option<&str>) -> Vec<f32> {
        self.score(&mut self.cosines(vector), head)
    }

    fn cosines(&self, vector: &[f32]) -> Vec<f32> {
        let known = self.vectors.chunks_exact(self.dims);
        known.map(|known| dot(known, vector)).collect()
    }

    /// Like [`scores`](Self::scores), from the cosines to all [`vectors`](Self::vectors).
    /// Reorders the cosines.
    pub fn score(&self, cosines: &mut [f32], head: Option<&str>) -> Vec<f32> {
        let (cosines, names) = cosines.split_at_mut(self.prompts.len());
        let mut names = self.named.iter().zip(names).peekable();
        let mut start = 0;
        let mut scores: Vec<f32> = Vec::with_capacity(self.labels.len());
        for (label, &end) in self.phrase_ends.iter().enumerate() {
            let nearest = nearest(&mut cosines[start..end]);
            start = end;
            scores.push(match names.next_if(|(named, _)| **named == label) {
                Some((_, name)) if nearest.is_empty() => *name,
                Some((_, name)) => {
                    let phrases = soft_maximum(nearest, SHARPNESS_BESIDE_NAME);
                    PHRASE_WEIGHT * phrases + (1.0 - PHRASE_WEIGHT) * *name
                }
                None => soft_maximum(nearest, SHARPNESS),
            });
        }
        if let Some(head) = head {
            self.lexicon.add_bonus(head, &mut scores);
        }
        let examples = self.prompts[start..].chunk_by(|a, b| a.0 == b.0);
        for of_label in examples {
            let own = &mut cosines[start..start + of_label.len()];
            start += of_label.len();
            own.sort_unstable_by(|a, b| b.total_cmp(a));
            let similarity = soft_maximum(own, SHARPNESS);
            scores[of_label[0].0] += EXAMPLE_WEIGHT * (similarity - UNRELATED_SIMILARITY);
        }
        scores
    }
}

/// The [`MAX_PHRASES`] largest of `cosines`, in descending order.
fn nearest(cosines: &mut [f32]) -> &[f32] {
    let count = cosines.len().min(MAX_PHRASES);
    if cosines.len() > MAX_PHRASES {
        cosines.select_nth_unstable_by(MAX_PHRASES - 1, |a, b| b.total_cmp(a));
    }
    let nearest = &mut cosines[..count];
    nearest.sort_unstable_by(|a, b| b.total_cmp(a));
    nearest
}

/// `ln(mean(exp(sharpness * c))) / sharpness` over descending `cosines`.
fn soft_maximum(cosines: &[f32], sharpness: f32) -> f32 {
    let Some(&top) = cosines.first() else {
        return f32::NEG_INFINITY;
    };
    let sum: f32 = cosines.iter().map(|c| ((c - top) * sharpness).exp()).sum();
    top + (sum / cosines.len() as f32).ln() / sharpness
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two labels, the first with two phrases; then examples of the second and the names.
    fn classifier(phrase_ends: [usize; 2], vectors: &[f32], named: Vec<usize>) -> Classifier {
        let prompts = vectors.len() / 2 - named.len();
        let label = |at: usize| usize::from(at >= phrase_ends[0]);
        Classifier {
            labels: vec!["a".into(), "b".into()],
            dims: 2,
            vectors: vectors.to_vec(),
            phrase_ends: phrase_ends.to_vec(),
            prompts: (0..prompts).map(|at| (label(at), at.to_string())).collect(),
            named,
            lexicon: Lexicon::default(),
            fit: OnceLock::new(),
        }
    }

    #[test]
    fn the_score_is_a_soft_maximum_of_cosines() {
        let classifier = classifier([2, 3], &[1.0, 0.0, 0.0, 1.0, 0.6, 0.8], vec![]);
        let scores = classifier.scores(&[1.0, 0.0], None);
        assert!((scores[1] - 0.6).abs() < 1e-6);
        let mean_of_exponentials = ((15f32.exp() + 1.0) / 2.0).ln() / 15.0;
        assert!((scores[0] - mean_of_exponentials).abs() < 1e-6);
        assert_eq!(
            classifier.nearest_phrases(&[1.0, 0.0], 2),
            [(0, "0", 1.0), (1, "2", 0.6)]
        );
    }

    #[test]
    fn the_nearest_phrases_are_the_largest_cosines() {
        let mut cosines: Vec<f32> = (0..40).map(|at| (at * 7 % 40) as f32).collect();
        let expected: Vec<f32> = (0..MAX_PHRASES).map(|at| 39.0 - at as f32).collect();
        assert_eq!(nearest(&mut cosines), expected);
        assert_eq!(nearest(&mut [1.0, 3.0, 2.0]), [3.0, 2.0, 1.0]);
        assert!(nearest(&mut []).is_empty());
    }

    #[test]
    fn a_name_and_its_phrases_share_the_score() {
        let classifier = classifier([1, 2], &[0.0, 1.0, 0.6, 0.8, 1.0, 0.0], vec![1]);
        let scores = classifier.scores(&[1.0, 0.0], None);
        assert!(scores[0].abs() < 1e-6, "a has no name");
        let shared = PHRASE_WEIGHT * 0.6 + (1.0 - PHRASE_WEIGHT);
        assert!((scores[1] - shared).abs() < 1e-6);
        assert_eq!(classifier.phrase_count(), 2);
        assert!(classifier.nearest_examples(&[1.0, 0.0], 5).is_empty());
    }

    #[test]
    fn examples_affect_the_score_of_their_label_only() {
        let without = classifier([1, 2], &[1.0, 0.0, 0.0, 1.0], vec![]).scores(&[0.8, 0.6], None);
        let with = classifier([1, 2], &[1.0, 0.0, 0.0, 1.0, 0.8, 0.6], vec![]);
        let scores = with.scores(&[0.8, 0.6], None);
        assert_eq!(without[0], scores[0]);
        assert!(
            (scores[1] - without[1] - EXAMPLE_WEIGHT * (1.0 - UNRELATED_SIMILARITY)).abs() < 1e-6
        );
        assert_eq!(with.nearest_examples(&[0.8, 0.6], 5).len(), 1);
        assert_eq!(with.nearest_phrases(&[0.8, 0.6], 5).len(), 2);
    }
}
