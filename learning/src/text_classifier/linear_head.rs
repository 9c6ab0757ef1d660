//! Weights of the labels of a level.

use super::feature_row::FeatureRow;
use super::ngrams::SparseVector;
use super::svm::BinaryWeights;
use semql_inference::vector::add_scaled;
use semql_inference::vector::matrix::{Shape, multiply_transposed};

/// Linear classifiers of the labels of a level. The n-gram weights are a sparse
/// matrix in compressed rows, one for each feature.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinearHead {
    /// By label.
    pub bias: Vec<f32>,
    /// Labels x width of a vector.
    pub vector_weights: Vec<f32>,
    /// By n-gram: the offset of its entries; then the number of all entries.
    pub offsets: Vec<u32>,
    pub labels: Vec<u32>,
    pub values: Vec<f32>,
    /// Copy of the rows with many labels, with a value for each label: faster than
    /// the sparse entries.
    dense: Vec<f32>,
    /// By feature: its row of `dense`.
    dense_rows: Vec<Option<u32>>,
}

/// Labels per entry of a row, up to which the row is stored densely.
const MAX_DENSE_LABELS_PER_ENTRY: usize = 10;

impl LinearHead {
    /// Head with these weights of each label.
    pub fn new(weights: &[BinaryWeights], features: usize) -> Self {
        let mut counts = vec![0u32; features + 1];
        for (feature, _) in weights.iter().flat_map(|w| &w.ngrams) {
            counts[*feature as usize + 1] += 1;
        }
        let offsets: Vec<u32> = counts
            .iter()
            .scan(0, |sum, count| {
                *sum += count;
                Some(*sum)
            })
            .collect();
        let mut next = offsets.clone();
        let all = *offsets.last().unwrap_or(&0) as usize;
        let (mut labels, mut values) = (vec![0; all], vec![0.0; all]);
        for (label, weights) in weights.iter().enumerate() {
            for (feature, value) in &weights.ngrams {
                let at = &mut next[*feature as usize];
                labels[*at as usize] = label as u32;
                values[*at as usize] = *value;
                *at += 1;
            }
        }
        let bias = weights.iter().map(|w| w.bias).collect();
        let vector_weights = weights.iter().flat_map(|w| &w.vector).copied().collect();
        Self::from_parts(bias, vector_weights, offsets, labels, values)
    }

    /// Head with these public fields.
    pub fn from_parts(
        bias: Vec<f32>,
        vector_weights: Vec<f32>,
        offsets: Vec<u32>,
        labels: Vec<u32>,
        values: Vec<f32>,
    ) -> Self {
        let mut head = Self {
            bias,
            vector_weights,
            offsets,
            labels,
            values,
            ..Self::default()
        };
        let width = head.bias.len();
        for feature in 0..head.offsets.len().saturating_sub(1) {
            let own = head.offsets[feature] as usize..head.offsets[feature + 1] as usize;
            let dense = own.len() * MAX_DENSE_LABELS_PER_ENTRY >= width;
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

    /// Number of labels.
    pub fn labels(&self) -> usize {
        self.bias.len()
    }

    /// Dense n-gram weights: features x labels.
    pub fn dense_weights(&self) -> Vec<f32> {
        let (labels, features) = (self.labels(), self.offsets.len().saturating_sub(1));
        let mut all = vec![0.0; features * labels];
        for (feature, row) in all.chunks_exact_mut(labels).enumerate() {
            let own = self.offsets[feature] as usize..self.offsets[feature + 1] as usize;
            for (label, value) in self.labels[own.clone()].iter().zip(&self.values[own]) {
                row[*label as usize] = *value;
            }
        }
        all
    }

    /// Rows x labels: signed distances from the boundaries of the labels.
    pub fn scores(&self, rows: &[FeatureRow<'_>]) -> Vec<f32> {
        let labels = self.labels();
        let mut scores = vec![0.0; rows.len() * labels];
        let width = self.vector_weights.len().checked_div(labels).unwrap_or(0);
        if width > 0 {
            let vectors: Vec<f32> = rows.iter().flat_map(|row| row.vector).copied().collect();
            let shape = Shape {
                rows: rows.len(),
                inner: width,
                columns: labels,
            };
            multiply_transposed(&mut scores, &vectors, &self.vector_weights, shape);
        }
        for (row, scores) in rows.iter().zip(scores.chunks_exact_mut(labels)) {
            scores.iter_mut().zip(&self.bias).for_each(|(s, b)| *s += b);
            self.add_ngrams(row.ngrams, scores);
        }
        scores
    }

    fn add_ngrams(&self, ngrams: &SparseVector, scores: &mut [f32]) {
        let width = scores.len();
        for (feature, value) in ngrams {
            if let Some(dense) = self.dense_rows[*feature as usize] {
                let weights = &self.dense[dense as usize * width..][..width];
                add_scaled(scores, weights, *value);
                continue;
            }
            let (start, end) = (
                self.offsets[*feature as usize],
                self.offsets[*feature as usize + 1],
            );
            let own = start as usize..end as usize;
            for (label, weight) in self.labels[own.clone()].iter().zip(&self.values[own]) {
                scores[*label as usize] += value * weight;
            }
        }
    }
}
