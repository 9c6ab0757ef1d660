//! A student of a sentence encoder: predicts the encoder's vector of a row from
//! its words, and so the label.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::doubt::Doubt;
use super::features::{FeatureExtractor, FeatureMatrix, FeatureVocabulary};
use super::hold_out::ExpectedAgreement;
use super::rows::StudentRow;
use semql_inference::classifier::Classifier;
use semql_inference::vector::matrix::{Shape, multiply_add, multiply_transposed};
use semql_inference::vector::{add_scaled, normalize};

/// Rows that a thread predicts at a time: their vectors fit its CPU cache.
pub const CHUNK_ROWS: usize = 256;

/// A trained student.
pub struct Student {
    pub(super) classifier: Arc<Classifier>,
    pub(super) vocabulary: Arc<FeatureVocabulary>,
    /// Dimensions of the subspace.
    pub(super) width: usize,
    /// Vectors of the classifier: count x width.
    pub(super) labels: Vec<f32>,
    pub(super) mean: Vec<f32>,
    /// Vocabulary x width.
    pub(super) lexical: Vec<f32>,
    /// Width of text vectors x width.
    pub(super) text_weights: Vec<f32>,
    /// By label: the offset of its score.
    pub(super) offsets: Vec<f32>,
    pub(super) doubt: Doubt,
    pub(super) threads: usize,
    /// Expected quality, from held-out rows.
    pub expected: ExpectedAgreement,
    pub(super) idle: Mutex<Vec<Worker>>,
    /// Locked during a prediction, which uses all threads.
    pub(super) turn: Mutex<()>,
}

/// Labels of a student.
pub struct StudentPredictions {
    /// By row: the label; `None` for uncertain and for blank rows.
    pub labels: Vec<Option<u32>>,
    /// Duration without waiting for other predictions.
    pub elapsed: Duration,
}

/// Buffers of a thread.
pub struct Worker {
    extractor: FeatureExtractor,
    features: FeatureMatrix,
    vectors: Vec<f32>,
    cosines: Vec<f32>,
}

impl Student {
    /// Labels of the rows whose doubt does not exceed the threshold.
    pub fn predict(&self, rows: &[StudentRow<'_>]) -> StudentPredictions {
        let mut labels = vec![None; rows.len()];
        let _turn = self.turn.lock().unwrap_or_else(|dead| dead.into_inner());
        let began = Instant::now();
        let share = rows.len().div_ceil(self.threads).max(CHUNK_ROWS);
        std::thread::scope(|scope| {
            let mut parts = rows.chunks(share).zip(labels.chunks_mut(share));
            let own = parts.next();
            for (rows, labels) in parts {
                scope.spawn(move || self.predict_part(rows, labels));
            }
            if let Some((rows, labels)) = own {
                self.predict_part(rows, labels);
            }
        });
        StudentPredictions {
            labels,
            elapsed: began.elapsed(),
        }
    }

    fn predict_part(&self, rows: &[StudentRow<'_>], labels: &mut [Option<u32>]) {
        let idle = || self.idle.lock().unwrap_or_else(|dead| dead.into_inner());
        let mut worker = idle().pop().unwrap_or_else(|| self.worker());
        for (rows, labels) in rows.chunks(CHUNK_ROWS).zip(labels.chunks_mut(CHUNK_ROWS)) {
            self.predict_chunk(&mut worker, rows, labels);
        }
        idle().push(worker);
    }

    pub(super) fn worker(&self) -> Worker {
        Worker {
            extractor: FeatureExtractor::new(Arc::clone(&self.vocabulary)),
            features: FeatureMatrix::default(),
            vectors: Vec::new(),
            cosines: Vec::new(),
        }
    }

    fn predict_chunk(
        &self,
        worker: &mut Worker,
        rows: &[StudentRow<'_>],
        labels: &mut [Option<u32>],
    ) {
        self.score_rows(worker, rows, |row, scores| {
            labels[row] = self
                .doubt
                .label(&scores)
                .filter(|given| given.doubt <= self.expected.threshold)
                .map(|given| given.label as u32);
        });
    }

    /// Calls `scored` with the scores of the labels for each row that is not blank.
    pub(super) fn score_rows(
        &self,
        worker: &mut Worker,
        rows: &[StudentRow<'_>],
        mut scored: impl FnMut(usize, Vec<f32>),
    ) {
        let Worker {
            extractor,
            features,
            vectors,
            cosines,
        } = worker;
        extractor.extract(rows, features);
        vectors.clear();
        for row in 0..rows.len() {
            let start = vectors.len();
            vectors.extend_from_slice(&self.mean);
            let vector = &mut vectors[start..];
            for (feature, value) in features.lexical_of(row) {
                let weights = &self.lexical[*feature as usize * self.width..][..self.width];
                add_scaled(vector, weights, *value);
            }
        }
        let shape = Shape {
            rows: rows.len(),
            inner: self.vocabulary.vector_width(),
            columns: self.width,
        };
        multiply_add(vectors, &features.text_vectors, &self.text_weights, shape);
        self.score(vectors, cosines, rows, |row, mut scores| {
            add_scaled(&mut scores, &self.offsets, 1.0);
            scored(row, scores);
        });
    }

    /// Like [`score_rows`](Self::score_rows) from the predicted `vectors` (rows x width),
    /// which get unit length, and without the offsets.
    pub(super) fn score(
        &self,
        vectors: &mut [f32],
        cosines: &mut Vec<f32>,
        rows: &[StudentRow<'_>],
        mut scored: impl FnMut(usize, Vec<f32>),
    ) {
        vectors.chunks_exact_mut(self.width).for_each(normalize);
        let columns = self.labels.len() / self.width;
        cosines.clear();
        cosines.resize(rows.len() * columns, 0.0);
        let shape = Shape {
            rows: rows.len(),
            inner: self.width,
            columns,
        };
        multiply_transposed(cosines, vectors, &self.labels, shape);
        let rows = rows.iter().zip(cosines.chunks_exact_mut(columns));
        for (at, (row, cosines)) in rows.enumerate() {
            if !row.is_blank() {
                scored(at, self.classifier.score(cosines, row.head));
            }
        }
    }
}
