//! Labels adapted to a set of texts, by self-training.
//!
//! Texts of a set resemble each other more than they resemble the name of their label.
//! So each label gets a prototype, the mean of the texts that are most certain to have it,
//! and the score of a text is a mean of its similarity to label and prototype. Measured by
//! `bench/labels.py`.

use super::ranking::rank_labels;
use crate::parallel::parallel_for_each;
use crate::progress::ProgressSink;
use crate::vector::{add_scaled, dot, normalize};

/// Times that prototypes are estimated.
const ROUNDS: usize = 3;

/// Weight of a prototype; that of the label is the rest of 1.
const PROTOTYPE_WEIGHT: f32 = 0.3;

/// Fewest texts of a prototype. A label with fewer has none.
const MIN_TEXTS: usize = 5;

/// Texts that a thread labels at a time.
const CHUNK_TEXTS: usize = 256;

/// Mean vector of the certain texts of a label.
struct Prototype {
    vector: Vec<f32>,
    /// Added to a cosine, so that the mean over all texts is that of the label's scores.
    offset: f32,
}

/// Label of a text, and the distance of its score from the next one.
#[derive(Clone, Copy)]
struct Prediction {
    label: usize,
    margin: f32,
}

/// Predictions for some texts, and the sum of their scores by label.
struct Chunk<'a> {
    vectors: &'a [f32],
    predictions: Vec<Prediction>,
    score_sums: Vec<f64>,
}

/// The label of each of `vectors` (count x `dims`, of unit length), for `labels` labels
/// whose scores for a vector are `scores_of`. `None` once cancelled.
///
/// The same vectors in the same order give the same labels on any number of threads.
pub fn adapted_labels(
    vectors: &[f32],
    dims: usize,
    labels: usize,
    scores_of: &(dyn Fn(&[f32]) -> Vec<f32> + Sync),
    progress: &dyn ProgressSink,
) -> Option<Vec<usize>> {
    let mut prototypes: Vec<Option<Prototype>> = (0..labels).map(|_| None).collect();
    let mean_vector = mean_vector(vectors, dims);
    for round in 0..=ROUNDS {
        progress.step("adapting labels", round + 1, ROUNDS + 1);
        let new_chunk = |vectors| Chunk {
            vectors,
            predictions: Vec::new(),
            score_sums: vec![0.0; labels],
        };
        let parts = vectors.chunks(CHUNK_TEXTS * dims.max(1));
        let mut chunks: Vec<Chunk<'_>> = parts.map(new_chunk).collect();
        parallel_for_each(chunks.iter_mut(), |chunk| {
            if !progress.is_cancelled() {
                chunk.predict(dims, &prototypes, scores_of);
            }
        });
        if progress.is_cancelled() {
            return None;
        }
        let predictions = chunks.iter().flat_map(|chunk| &chunk.predictions);
        let predictions: Vec<Prediction> = predictions.copied().collect();
        if round == ROUNDS {
            return Some(predictions.iter().map(|row| row.label).collect());
        }
        let texts = predictions.len().max(1) as f64;
        let mean_score =
            |label: usize| chunks.iter().map(|c| c.score_sums[label]).sum::<f64>() / texts;
        for (label, certain) in certain_texts(&predictions, labels).into_iter().enumerate() {
            prototypes[label] = (certain.len() >= MIN_TEXTS).then(|| {
                let mut vector = vec![0.0; dims];
                for text in certain {
                    add_scaled(&mut vector, &vectors[text * dims..][..dims], 1.0);
                }
                normalize(&mut vector);
                let offset = mean_score(label) as f32 - dot(&mean_vector, &vector);
                Prototype { vector, offset }
            });
        }
    }
    None
}

impl Chunk<'_> {
    fn predict(
        &mut self,
        dims: usize,
        prototypes: &[Option<Prototype>],
        scores_of: &(dyn Fn(&[f32]) -> Vec<f32> + Sync),
    ) {
        for vector in self.vectors.chunks_exact(dims) {
            let mut scores = scores_of(vector);
            for ((score, sum), prototype) in
                scores.iter_mut().zip(&mut self.score_sums).zip(prototypes)
            {
                *sum += f64::from(*score);
                if let Some(prototype) = prototype {
                    let similarity = dot(&prototype.vector, vector) + prototype.offset;
                    *score += PROTOTYPE_WEIGHT * (similarity - *score);
                }
            }
            let ranked = rank_labels(&scores);
            let next = ranked.get(1).map_or(f32::NEG_INFINITY, |next| next.1);
            self.predictions
                .extend(ranked.first().map(|best| Prediction {
                    label: best.0,
                    margin: best.1 - next,
                }));
        }
    }
}

/// By label: the half of its texts with the largest margins, at least [`MIN_TEXTS`] of them
/// where there are as many.
fn certain_texts(predictions: &[Prediction], labels: usize) -> Vec<Vec<usize>> {
    let mut texts = vec![Vec::new(); labels];
    for (text, prediction) in predictions.iter().enumerate() {
        texts[prediction.label].push(text);
    }
    for of_label in &mut texts {
        of_label.sort_by(|a, b| predictions[*b].margin.total_cmp(&predictions[*a].margin));
        of_label.truncate((of_label.len() / 2).max(MIN_TEXTS));
    }
    texts
}

fn mean_vector(vectors: &[f32], dims: usize) -> Vec<f32> {
    let mut mean = vec![0.0; dims];
    let count = vectors.len().checked_div(dims).unwrap_or(0).max(1);
    for vector in vectors.chunks_exact(dims.max(1)) {
        add_scaled(&mut mean, vector, 1.0 / count as f32);
    }
    mean
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: fn() -> bool = || false;

    const DIMS: usize = 4;

    /// Texts of two groups, 20 of each. The first two values are the similarity to the
    /// labels, with noise; the last two are what texts of a group have in common.
    fn groups() -> Vec<f32> {
        let mut vectors = Vec::new();
        for text in 0..40 {
            let group = text / 20;
            let noise = ((text * 7) % 20) as f32 / 9.5 - 1.0;
            let mut vector = [0.3, 0.3, 0.0, 0.0];
            vector[group] += 0.05 + 0.3 * noise;
            vector[2 + group] = 0.85;
            normalize(&mut vector);
            vectors.extend(vector);
        }
        vectors
    }

    fn scores(vector: &[f32]) -> Vec<f32> {
        vector[..2].to_vec()
    }

    #[test]
    fn prototypes_move_labels_to_the_groups_of_the_texts() {
        let vectors = groups();
        let right = |labels: &[usize]| (0..40).filter(|text| labels[*text] == text / 20).count();
        let adapted = adapted_labels(&vectors, DIMS, 2, &scores, &NEVER).unwrap();
        let alone: Vec<usize> = vectors
            .chunks_exact(DIMS)
            .map(|vector| usize::from(vector[1] > vector[0]))
            .collect();
        assert!(right(&alone) < 30, "{alone:?}");
        assert!(right(&adapted) > 36, "{adapted:?}");
    }

    #[test]
    fn few_texts_keep_their_labels_and_none_is_no_error() {
        let vectors = [1.0, 0.0, 0.0, 1.0];
        let labels = adapted_labels(&vectors, 2, 2, &scores, &NEVER);
        assert_eq!(labels, Some(vec![0, 1]));
        assert_eq!(adapted_labels(&[], 0, 2, &scores, &NEVER), Some(vec![]));
        assert_eq!(adapted_labels(&vectors, 2, 2, &scores, &|| true), None);
    }
}
