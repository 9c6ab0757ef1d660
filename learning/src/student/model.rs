//! A student of a sentence encoder: predicts the encoder's vector of a row from
//! its words, and so the label.
//!
//! Model and constants were chosen on product offers, by the agreement with the
//! encoder on held-out rows.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::calibration::{best_label, score_offsets};
use super::features::{FeatureExtractor, FeatureMatrix, FeatureVocabulary, StudentRow};
use super::hold_out::{ExpectedAgreement, HeldOutRow, expected_agreement};
use super::ridge::Ridge;
use crate::token_vectors::TokenVectors;
use semql_inference::classifier::Classifier;
use semql_inference::encoding::Encoder;
use semql_inference::vector::matrix::{
    Shape, multiply_add, multiply_add_transposed, multiply_transposed, transposed_multiply,
};
use semql_inference::vector::{add_scaled, normalize};

/// Penalty of the ridge regression.
const ALPHA: f32 = 0.1;

/// Factor that compensates the shrinkage of the regression.
const STRETCH: f32 = 1.4;

/// Rows that a thread predicts at a time: their vectors fit its CPU cache.
const CHUNK_ROWS: usize = 256;

/// Training example: a row with its vector by the encoder.
pub struct StudentExample<'a> {
    pub row: StudentRow<'a>,
    /// Vector that labels are compared with, of unit length.
    pub vector: Vec<f32>,
}

/// Required quality of a student, and its threads.
#[derive(Clone, Copy, Debug)]
pub struct StudentRequirements {
    /// Smallest share of labels that equal those of the encoder, 0..1.
    pub agreement: f64,
    /// Largest share of escalated rows, 0..1.
    pub escalation: f64,
    pub threads: usize,
}

/// A trained student.
pub struct Student {
    classifier: Arc<Classifier>,
    vocabulary: Arc<FeatureVocabulary>,
    tokens: Option<Arc<TokenVectors>>,
    encoder: Arc<Encoder>,
    dims: usize,
    mean: Vec<f32>,
    /// Vocabulary x dims.
    lexical: Vec<f32>,
    /// Width of SIF vectors x dims.
    sif_weights: Vec<f32>,
    /// By label: the offset of its score.
    offsets: Vec<f32>,
    threads: usize,
    /// Expected quality, from held-out rows.
    pub expected: ExpectedAgreement,
    idle: Mutex<Vec<Worker>>,
    /// Locked during a prediction, which uses all threads.
    turn: Mutex<()>,
}

/// Labels of a student.
pub struct StudentPredictions {
    /// By row: the label; `None` for uncertain and for blank rows.
    pub labels: Vec<Option<u32>>,
    /// Duration without waiting for other predictions.
    pub elapsed: Duration,
}

/// Buffers of a thread.
struct Worker {
    extractor: FeatureExtractor,
    features: FeatureMatrix,
    vectors: Vec<f32>,
    cosines: Vec<f32>,
}

impl Student {
    /// Trains a student on `examples` with `texts` texts each. `None` if they do
    /// not determine a student.
    pub fn train(
        examples: &[StudentExample<'_>],
        texts: usize,
        classifier: &Arc<Classifier>,
        encoder: &Arc<Encoder>,
        tokens: Option<Arc<TokenVectors>>,
        requirements: StudentRequirements,
    ) -> Option<Self> {
        let dims = examples.first()?.vector.len();
        let rows: Vec<StudentRow<'_>> = examples.iter().map(|example| example.row).collect();
        let vocabulary = Arc::new(FeatureVocabulary::of(&rows, texts));
        let mut extractor =
            FeatureExtractor::new(Arc::clone(&vocabulary), tokens.clone(), Arc::clone(encoder));
        let mut features = FeatureMatrix::default();
        extractor.extract(&rows, &mut features);
        let targets: Vec<f32> = examples
            .iter()
            .flat_map(|example| example.vector.iter().copied())
            .collect();
        let width = extractor.sif_width();
        let kernel = kernel(&features, rows.len(), vocabulary.len(), width);
        let ridge = Ridge::fit(kernel, &targets, dims, ALPHA)?;

        let mut lexical = vec![0.0; vocabulary.len() * dims];
        for row in 0..rows.len() {
            let own = &ridge.coefficients[row * dims..][..dims];
            for (position, value) in features.lexical_of(row) {
                let out = &mut lexical[*position as usize * dims..][..dims];
                add_scaled(out, own, value * STRETCH);
            }
        }
        let mut sif_weights = vec![0.0; width * dims];
        let shape = Shape {
            rows: width,
            inner: rows.len(),
            columns: dims,
        };
        transposed_multiply(
            &mut sif_weights,
            &features.sif_vectors,
            &ridge.coefficients,
            shape,
        );
        sif_weights.iter_mut().for_each(|v| *v *= STRETCH);

        let of_encoder = scores(classifier, targets, &rows, dims);
        let held_out = ridge.held_out.iter().map(|v| v * STRETCH).collect();
        let held_out = with_mean(held_out, &ridge.mean, dims);
        let mut of_student = scores(classifier, held_out, &rows, dims);
        let offsets = score_offsets(&of_student, &of_encoder, classifier.labels.len());
        let held: Vec<HeldOutRow> = of_student
            .iter_mut()
            .zip(&of_encoder)
            .filter_map(|(student, encoder)| {
                student.iter_mut().zip(&offsets).for_each(|(s, o)| *s += o);
                let (first, margin) = best_label(student)?;
                Some(HeldOutRow {
                    margin,
                    agrees: first == best_label(encoder)?.0,
                })
            })
            .collect();
        if held.is_empty() {
            return None;
        }
        Some(Self {
            classifier: Arc::clone(classifier),
            vocabulary,
            tokens,
            encoder: Arc::clone(encoder),
            dims,
            mean: ridge.mean,
            lexical,
            sif_weights,
            offsets,
            threads: requirements.threads.max(1),
            expected: expected_agreement(held, requirements.agreement, requirements.escalation),
            idle: Mutex::default(),
            turn: Mutex::default(),
        })
    }

    /// Labels of the rows whose margin reaches the threshold.
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

    fn worker(&self) -> Worker {
        let (vocabulary, tokens) = (Arc::clone(&self.vocabulary), self.tokens.clone());
        Worker {
            extractor: FeatureExtractor::new(vocabulary, tokens, Arc::clone(&self.encoder)),
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
            for (position, value) in features.lexical_of(row) {
                let weights = &self.lexical[*position as usize * self.dims..][..self.dims];
                add_scaled(vector, weights, *value);
            }
        }
        let inner = extractor.sif_width();
        let shape = Shape {
            rows: rows.len(),
            inner,
            columns: self.dims,
        };
        multiply_add(vectors, &features.sif_vectors, &self.sif_weights, shape);
        vectors.chunks_exact_mut(self.dims).for_each(normalize);
        let known = self.classifier.vectors();
        let columns = known.len() / self.dims;
        cosines.clear();
        cosines.resize(rows.len() * columns, 0.0);
        let shape = Shape {
            rows: rows.len(),
            inner: self.dims,
            columns,
        };
        multiply_transposed(cosines, vectors, known, shape);
        for ((row, label), cosines) in rows
            .iter()
            .zip(labels)
            .zip(cosines.chunks_exact_mut(columns))
        {
            if row.is_blank() {
                continue;
            }
            let mut scores = self.classifier.score(cosines, row.head);
            scores
                .iter_mut()
                .zip(&self.offsets)
                .for_each(|(s, o)| *s += o);
            *label = best_label(&scores)
                .filter(|(_, margin)| *margin >= self.expected.threshold)
                .map(|(label, _)| label as u32);
        }
    }
}

/// Rows x rows: inner products of the features.
fn kernel(features: &FeatureMatrix, rows: usize, vocabulary: usize, sif_width: usize) -> Vec<f32> {
    let mut kernel = vec![0.0; rows * rows];
    let mut having: Vec<Vec<(u32, f32)>> = vec![Vec::new(); vocabulary];
    for row in 0..rows {
        for (position, value) in features.lexical_of(row) {
            having[*position as usize].push((row as u32, *value));
        }
    }
    for rows_with in &having {
        for (one, value) in rows_with {
            let out = &mut kernel[*one as usize * rows..][..rows];
            for (other, other_value) in rows_with {
                out[*other as usize] += value * other_value;
            }
        }
    }
    let shape = Shape {
        rows,
        inner: sif_width,
        columns: rows,
    };
    multiply_add_transposed(
        &mut kernel,
        &features.sif_vectors,
        &features.sif_vectors,
        shape,
    );
    kernel
}

fn with_mean(mut vectors: Vec<f32>, mean: &[f32], dims: usize) -> Vec<f32> {
    for vector in vectors.chunks_exact_mut(dims) {
        vector.iter_mut().zip(mean).for_each(|(v, m)| *v += m);
        normalize(vector);
    }
    vectors
}

fn scores(
    classifier: &Classifier,
    vectors: Vec<f32>,
    rows: &[StudentRow<'_>],
    dims: usize,
) -> Vec<Vec<f32>> {
    let vectors = vectors.chunks_exact(dims).zip(rows);
    vectors
        .map(|(vector, row)| classifier.scores(vector, row.head))
        .collect()
}
