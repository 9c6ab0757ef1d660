//! Choosing a label by the likeness of a text to the labels' phrases.
//!
//! The constants were chosen on labelled product offers; they sit on a broad
//! plateau, where a third more or less costs under a point of accuracy.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::{Encoder, Reading, Run, offer};
use crate::error::Result;
use crate::taxonomy::Taxonomy;
use crate::vector::dot;

/// How many of a label's nearest phrases count; a label with fewer uses them all.
const NEAREST_PHRASES: usize = 16;

/// Inverse temperature of the soft maximum over them.
const SHARPNESS: f32 = 15.0;

/// What it adds when the words of a phrase all stand in the text.
const LEXICAL_BONUS: f32 = 0.05;

/// How much it counts that a text is more like a label's examples than texts
/// of other labels are, and how alike those are.
const EXAMPLE_WEIGHT: f32 = 0.2;
const UNRELATED: f32 = 0.2;

/// Words that say nothing of a product.
const STOP_WORDS: &[&str] = &[
    "a", "an", "and", "for", "in", "of", "on", "or", "the", "to", "with",
];

/// A taxonomy whose phrases went through a model.
pub struct Classifier {
    pub labels: Vec<String>,
    dims: usize,
    /// Vectors of phrases, those of one label together, and after them those of
    /// examples.
    vectors: Vec<f32>,
    /// Per label, where its phrases end.
    ends: Vec<usize>,
    /// The label and the text of each phrase, and then of each example.
    prompts: Vec<(usize, String)>,
    lexicon: Lexicon,
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
        let mut known = Vec::with_capacity(texts.len() * encoder.dims);
        let mut ends = vec![0; taxonomy.labels.len()];
        let mut read = Vec::with_capacity(texts.len());
        for (prompt, (label, text)) in prompts.iter().enumerate() {
            if let Some(vector) = vectors.get(prompt) {
                known.extend_from_slice(vector);
                read.push((*label, text.clone()));
            }
            ends[*label] = read.len();
        }
        for (label, text, vector) in examples(taxonomy, encoder, run)? {
            known.extend(vector);
            read.push((label, text));
        }
        Ok(Self {
            labels: taxonomy.labels.iter().map(|l| l.name.clone()).collect(),
            dims: encoder.dims,
            vectors: known,
            ends,
            prompts: read,
            lexicon: Lexicon::new(taxonomy.labels.iter().map(|l| l.phrases.as_slice())),
        })
    }

    /// The vectors that a text is compared with, one after the other.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// The phrases that are nearest to `vector` (unit length): label, phrase and
    /// cosine, the nearest first.
    pub fn nearest(&self, vector: &[f32], most: usize) -> Vec<(usize, &str, f32)> {
        self.nearest_of(vector, 0..self.phrases(), most)
    }

    /// The same of the examples.
    pub fn nearest_examples(&self, vector: &[f32], most: usize) -> Vec<(usize, &str, f32)> {
        self.nearest_of(vector, self.phrases()..self.prompts.len(), most)
    }

    fn nearest_of(&self, vector: &[f32], of: Range<usize>, most: usize) -> Vec<(usize, &str, f32)> {
        let near = |at: usize| {
            let (label, text) = &self.prompts[at];
            let own = &self.vectors[at * self.dims..][..self.dims];
            (*label, text.as_str(), dot(own, vector))
        };
        let mut all: Vec<_> = of.map(near).collect();
        all.sort_by(|a, b| b.2.total_cmp(&a.2));
        all.truncate(most);
        all
    }

    /// A phrase: its label, its words and its vector.
    pub fn phrase(&self, at: usize) -> (usize, &str, &[f32]) {
        let (label, text) = &self.prompts[at];
        (*label, text, &self.vectors[at * self.dims..][..self.dims])
    }

    /// The scores as if there were no phrase number `phrase`.
    pub fn scores_without(&self, phrase: usize, vector: &[f32], head: Option<&str>) -> Vec<f32> {
        let known = self.vectors.chunks_exact(self.dims);
        let mut cosines: Vec<f32> = known.map(|known| dot(known, vector)).collect();
        cosines[phrase] = -1.0;
        self.score(&mut cosines, head)
    }

    /// How many of the vectors are of phrases; they come first.
    pub fn phrases(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// Per label, how near `vector` (unit length) is to its phrases: a soft
    /// maximum of cosines, in -1..1, a small bonus for the words of `head`, and
    /// one for likeness to the label's examples, where it has any.
    pub fn scores(&self, vector: &[f32], head: Option<&str>) -> Vec<f32> {
        let known = self.vectors.chunks_exact(self.dims);
        let mut cosines: Vec<f32> = known.map(|known| dot(known, vector)).collect();
        self.score(&mut cosines, head)
    }

    /// The same from the cosines to all [`vectors`](Self::vectors), which are
    /// put in another order.
    pub fn score(&self, cosines: &mut [f32], head: Option<&str>) -> Vec<f32> {
        let mut start = 0;
        let mut scores: Vec<f32> = self
            .ends
            .iter()
            .map(|&end| {
                let own = &mut cosines[start..end];
                start = end;
                own.sort_unstable_by(|a, b| b.total_cmp(a));
                soft_maximum(&own[..own.len().min(NEAREST_PHRASES)])
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
            scores[of_label[0].0] += EXAMPLE_WEIGHT * (soft_maximum(own) - UNRELATED);
        }
        scores
    }
}

/// The examples of a taxonomy: label, text and vector. They are read as offers are.
fn examples(
    taxonomy: &Taxonomy,
    encoder: &Encoder,
    run: &Run,
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
    let texts: Vec<Reading<'_>> = all
        .iter()
        .flat_map(|(_, [title, text])| offer::readings(*title, *text))
        .collect();
    let vectors = encoder.encode(&texts, run)?;
    let example = |(at, (label, [title, text])): (usize, &(usize, [Option<&str>; 2]))| {
        let first = at * offer::READINGS;
        let read = [vectors.get(first), vectors.get(first + 1)];
        let vector = offer::vector(*title, *text, read)?;
        let shown = offer::head(*title, *text)?.to_string();
        Some((*label, shown, vector))
    };
    Ok(all.iter().enumerate().filter_map(example).collect())
}

/// The words of the labels' phrases. A bare label has none: its name is rarely
/// what a text calls the thing.
#[derive(Default)]
struct Lexicon {
    /// Per word, the phrases that have it.
    phrases_with: HashMap<String, Vec<u32>>,
    /// Per phrase, its label and how many words it has.
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

    /// Adds to the score of each label the bonus for phrases whose words stand
    /// in `head`: all of a phrase's words give it whole, a part of them that part.
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
        let mut most = vec![0f32; scores.len()];
        for hits in hits.chunk_by(|a, b| a == b) {
            let (label, words) = self.phrases[hits[0] as usize];
            most[label] = most[label].max(hits.len() as f32 / words as f32);
        }
        for (score, share) in scores.iter_mut().zip(most) {
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
            vectors: vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8],
            ends: vec![2, 3],
            prompts: vec![(0, "x".into()), (0, "y".into()), (1, "z".into())],
            lexicon: Lexicon::default(),
        };
        let scores = classifier.scores(&[1.0, 0.0], None);
        assert!((scores[1] - 0.6).abs() < 1e-6);
        let mean_of_exponentials = ((15f32.exp() + 1.0) / 2.0).ln() / 15.0;
        assert!((scores[0] - mean_of_exponentials).abs() < 1e-6);
        assert_eq!(
            classifier.nearest(&[1.0, 0.0], 2),
            [(0, "x", 1.0), (1, "z", 0.6)]
        );
    }

    #[test]
    fn examples_speak_for_their_label_alone() {
        let classifier = |examples: &[f32]| Classifier {
            labels: vec!["a".into(), "b".into()],
            dims: 2,
            vectors: [&[1.0, 0.0, 0.0, 1.0], examples].concat(),
            ends: vec![1, 2],
            prompts: vec![(0, "x".into()), (1, "y".into()), (1, "one".into())]
                [..2 + examples.len() / 2]
                .to_vec(),
            lexicon: Lexicon::default(),
        };
        let without = classifier(&[]).scores(&[0.8, 0.6], None);
        let with = classifier(&[0.8, 0.6]);
        let scores = with.scores(&[0.8, 0.6], None);
        assert_eq!(without[0], scores[0]);
        assert!((scores[1] - without[1] - EXAMPLE_WEIGHT * (1.0 - UNRELATED)).abs() < 1e-6);
        assert_eq!(with.nearest_examples(&[0.8, 0.6], 5).len(), 1);
        assert_eq!(with.nearest(&[0.8, 0.6], 5).len(), 2);
    }

    #[test]
    fn the_bonus_is_the_share_of_a_phrases_words() {
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
