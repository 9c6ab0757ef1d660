//! The weights of one level: what speaks for each of its labels.

use super::ngrams::Sparse;
use super::svm::Weights;
use crate::vector::add_scaled;
use crate::vector::matrix::{Shape, multiply_transposed};

/// A row as a classifier sees it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub words: &'a Sparse,
    pub meaning: &'a [f32],
}

/// The numbers of one level, ordered by feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Head {
    pub bias: Vec<f32>,
    /// Labels x width of a meaning.
    pub meaning: Vec<f32>,
    /// Per word feature, where its entries begin; and where the last ones end.
    pub starts: Vec<u32>,
    pub labels: Vec<u32>,
    pub values: Vec<f32>,
    /// Features that many labels have, once more as one value for each label:
    /// adding those is quicker than finding their places.
    dense: Vec<f32>,
    /// Per feature, which row of `dense` it has.
    dense_rows: Vec<Option<u32>>,
}

/// A feature that one in so many labels has is dense.
const DENSE: usize = 10;

impl Head {
    /// Of one [`Weights`] for each label.
    pub fn new(weights: &[Weights], features: usize) -> Self {
        let mut counts = vec![0u32; features + 1];
        for (feature, _) in weights.iter().flat_map(|w| &w.features) {
            counts[*feature as usize + 1] += 1;
        }
        let starts: Vec<u32> = counts
            .iter()
            .scan(0, |sum, count| {
                *sum += count;
                Some(*sum)
            })
            .collect();
        let mut next = starts.clone();
        let all = *starts.last().unwrap_or(&0) as usize;
        let (mut labels, mut values) = (vec![0; all], vec![0.0; all]);
        for (label, weights) in weights.iter().enumerate() {
            for (feature, value) in &weights.features {
                let at = &mut next[*feature as usize];
                labels[*at as usize] = label as u32;
                values[*at as usize] = *value;
                *at += 1;
            }
        }
        let bias = weights.iter().map(|w| w.bias).collect();
        let meaning = weights.iter().flat_map(|w| &w.meaning).copied().collect();
        Self::of(bias, meaning, starts, labels, values)
    }

    /// Of its public fields.
    pub fn of(
        bias: Vec<f32>,
        meaning: Vec<f32>,
        starts: Vec<u32>,
        labels: Vec<u32>,
        values: Vec<f32>,
    ) -> Self {
        let mut head = Self {
            bias,
            meaning,
            starts,
            labels,
            values,
            ..Self::default()
        };
        let width = head.bias.len();
        for feature in 0..head.starts.len().saturating_sub(1) {
            let own = head.starts[feature] as usize..head.starts[feature + 1] as usize;
            let dense = own.len() * DENSE >= width;
            head.dense_rows
                .push(dense.then_some((head.dense.len() / width) as u32));
            if dense {
                let start = head.dense.len();
                head.dense.resize(start + width, 0.0);
                for (label, value) in head.labels[own.clone()].iter().zip(&head.values[own]) {
                    head.dense[start + *label as usize] = *value;
                }
            }
        }
        head
    }

    /// How many labels there are.
    pub fn labels(&self) -> usize {
        self.bias.len()
    }

    /// Word features x labels.
    pub fn by_feature(&self) -> Vec<f32> {
        let (labels, features) = (self.labels(), self.starts.len().saturating_sub(1));
        let mut all = vec![0.0; features * labels];
        for (feature, row) in all.chunks_exact_mut(labels).enumerate() {
            let own = self.starts[feature] as usize..self.starts[feature + 1] as usize;
            for (label, value) in self.labels[own.clone()].iter().zip(&self.values[own]) {
                row[*label as usize] = *value;
            }
        }
        all
    }

    /// Rows x labels: how far each row is on each label's side of its boundary.
    pub fn scores(&self, rows: &[Seen<'_>]) -> Vec<f32> {
        let labels = self.labels();
        let mut scores = vec![0.0; rows.len() * labels];
        let width = self.meaning.len().checked_div(labels).unwrap_or(0);
        if width > 0 {
            let meanings: Vec<f32> = rows.iter().flat_map(|row| row.meaning).copied().collect();
            let shape = Shape {
                rows: rows.len(),
                inner: width,
                columns: labels,
            };
            multiply_transposed(&mut scores, &meanings, &self.meaning, shape);
        }
        for (row, scores) in rows.iter().zip(scores.chunks_exact_mut(labels)) {
            scores.iter_mut().zip(&self.bias).for_each(|(s, b)| *s += b);
            self.add_words(row.words, scores);
        }
        scores
    }

    fn add_words(&self, words: &Sparse, scores: &mut [f32]) {
        let width = scores.len();
        for (feature, value) in words {
            if let Some(dense) = self.dense_rows[*feature as usize] {
                let weights = &self.dense[dense as usize * width..][..width];
                add_scaled(scores, weights, *value);
                continue;
            }
            let (start, end) = (
                self.starts[*feature as usize],
                self.starts[*feature as usize + 1],
            );
            let own = start as usize..end as usize;
            for (label, weight) in self.labels[own.clone()].iter().zip(&self.values[own]) {
                scores[*label as usize] += value * weight;
            }
        }
    }
}
