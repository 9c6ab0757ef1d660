//! A student of a sentence encoder: predicts the encoder's vector of a row from
//! its words, and so the label.
//!
//! Model and constants were chosen on product offers, by the agreement with the
//! encoder on held-out rows.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::calibration::score_offsets;
use super::doubt::{Doubt, doubt_threshold};
use super::features::{FeatureExtractor, FeatureMatrix, FeatureVocabulary};
use super::hold_out::{ExpectedAgreement, HeldOutRow, expected_agreement};
use super::kernel::kernel;
use super::ridge::Ridge;
use super::rows::StudentRow;
use super::sample_words::SampleWords;
use super::subspace::Subspace;
use super::word_vectors::WordVectors;
use semql_inference::classifier::{Classifier, best_label};
use semql_inference::encoding::Encoder;
use semql_inference::vector::matrix::{
    Shape, multiply_add, multiply_transposed, transposed_multiply,
};
use semql_inference::vector::{add_scaled, normalize};

/// Penalty of the ridge regression for a row, and for a shortened row, whose vector is
/// not quite the one of a row.
const PENALTY: f32 = 0.1;
const PENALTY_OF_SHORTENED: f32 = 0.4;

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

/// What a student learns from.
pub struct StudentTraining<'a> {
    /// Rows as the encoder labels them.
    pub rows: Vec<StudentExample<'a>>,
    /// Beginnings of other rows, which cost the encoder less.
    pub shortened: Vec<StudentExample<'a>>,
    /// Further rows, which show how frequent labels and doubts are.
    pub others: &'a [StudentRow<'a>],
    /// Words of all these rows.
    pub words: &'a SampleWords,
    /// Number of texts of a row.
    pub texts: usize,
}

/// Required quality of a student, and its threads.
#[derive(Clone, Copy, Debug)]
pub struct StudentRequirements {
    /// Smallest share of labels that equal those of the encoder, 0..1.
    pub agreement: f64,
    /// Share of rows that are escalated even if the agreement is reached, and largest
    /// share of escalated rows, 0..1.
    pub min_escalation: f64,
    pub max_escalation: f64,
    pub threads: usize,
}

/// A trained student.
pub struct Student {
    classifier: Arc<Classifier>,
    vocabulary: Arc<FeatureVocabulary>,
    /// Dimensions of the subspace.
    width: usize,
    /// Vectors of the classifier: count x width.
    labels: Vec<f32>,
    mean: Vec<f32>,
    /// Vocabulary x width.
    lexical: Vec<f32>,
    /// Width of text vectors x width.
    text_weights: Vec<f32>,
    /// By label: the offset of its score.
    offsets: Vec<f32>,
    doubt: Doubt,
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
    /// Trains a student. `None` if the rows do not determine one.
    pub fn train(
        training: &StudentTraining<'_>,
        classifier: &Arc<Classifier>,
        encoder: &Arc<Encoder>,
        requirements: StudentRequirements,
    ) -> Option<Self> {
        let StudentTraining {
            rows: full, words, ..
        } = training;
        let dims = full.first()?.vector.len();
        // The rows that are held out come last.
        let examples = || training.shortened.iter().chain(full);
        let rows: Vec<StudentRow<'_>> = examples().map(|example| example.row).collect();
        let held_out_rows = &rows[training.shortened.len()..];

        let mut mean = vec![0.0; dims];
        for example in full {
            add_scaled(&mut mean, &example.vector, 1.0 / full.len() as f32);
        }
        let mut targets: Vec<f32> = examples()
            .flat_map(|example| example.vector.iter().copied())
            .collect();
        targets
            .chunks_exact_mut(dims)
            .for_each(|target| add_scaled(target, &mean, -1.0));
        let subspace = Subspace::of(
            &[
                &words.weighted_vectors(),
                &centred(classifier.vectors(), dims),
                &targets[training.shortened.len() * dims..],
            ],
            dims,
        );
        let (targets, mean) = (subspace.project(&targets), subspace.project(&mean));
        let label_vectors = subspace.project(classifier.vectors());

        let vectors = WordVectors::of(words, &subspace, encoder);
        let vocabulary = FeatureVocabulary::of(&rows, training.texts, words, vectors);
        let vocabulary = Arc::new(vocabulary);
        let mut features = FeatureMatrix::default();
        FeatureExtractor::new(Arc::clone(&vocabulary)).extract(&rows, &mut features);

        let mut penalties = vec![PENALTY_OF_SHORTENED; training.shortened.len()];
        penalties.resize(rows.len(), PENALTY);
        let width = subspace.width;
        let kernel = kernel(&features, rows.len(), vocabulary.len());
        let ridge = Ridge::fit(kernel, &penalties, &targets, width, full.len())?;
        let mut student = Self {
            classifier: Arc::clone(classifier),
            width,
            labels: label_vectors,
            mean,
            lexical: vec![0.0; vocabulary.len() * width],
            text_weights: vec![0.0; vocabulary.vector_width() * width],
            vocabulary,
            offsets: vec![0.0; classifier.labels.len()],
            doubt: Doubt::of(&[], classifier.labels.len()),
            threads: requirements.threads.max(1),
            expected: ExpectedAgreement::NONE,
            idle: Mutex::default(),
            turn: Mutex::default(),
        };
        student.set_weights(&features, &ridge.coefficients);

        let mut held_out = ridge.held_out;
        for vector in held_out.chunks_exact_mut(width) {
            vector.iter_mut().for_each(|v| *v *= STRETCH);
            add_scaled(vector, &student.mean, 1.0);
        }
        let labels = classifier.labels.len();
        let of_encoder: Vec<Vec<f32>> = full
            .iter()
            .map(|example| classifier.scores(&example.vector, example.row.head))
            .collect();
        let mut of_student = Vec::new();
        student.score(
            &mut held_out,
            &mut Vec::new(),
            held_out_rows,
            |_, scores| of_student.push(scores),
        );
        student.offsets = score_offsets(&of_student, &of_encoder, labels);
        of_student
            .iter_mut()
            .for_each(|scores| add_scaled(scores, &student.offsets, 1.0));

        let (mut worker, mut of_others) = (student.worker(), Vec::new());
        for rows in training.others.chunks(CHUNK_ROWS) {
            student.score_rows(&mut worker, rows, |_, scores| of_others.push(scores));
        }
        student.doubt = Doubt::of(&of_others, labels);
        let doubts = of_others
            .iter()
            .filter_map(|scores| student.doubt.label(scores));
        let doubts: Vec<f32> = doubts.map(|label| label.doubt).collect();
        let held: Vec<HeldOutRow> = of_student
            .iter()
            .zip(&of_encoder)
            .filter_map(|(of_student, of_encoder)| {
                let given = student.doubt.label(of_student)?;
                Some(HeldOutRow {
                    doubt: given.doubt,
                    agrees: given.label == best_label(of_encoder)?,
                })
            })
            .collect();
        if held.is_empty() {
            return None;
        }
        let StudentRequirements {
            agreement,
            min_escalation,
            max_escalation,
            ..
        } = requirements;
        let threshold = doubt_threshold(doubts.clone(), min_escalation.min(max_escalation));
        student.expected = expected_agreement(held, agreement, max_escalation, threshold);
        if !doubts.is_empty() {
            // There are more of these rows than held-out ones.
            let threshold = student.expected.threshold;
            let escalated = doubts.iter().filter(|doubt| **doubt > threshold).count();
            student.expected.escalated = escalated as f64 / doubts.len() as f64;
        }
        Some(student)
    }

    /// Turns the weights of the rows into weights of their features.
    fn set_weights(&mut self, features: &FeatureMatrix, coefficients: &[f32]) {
        let width = self.width;
        for (row, own) in coefficients.chunks_exact(width).enumerate() {
            for (feature, value) in features.lexical_of(row) {
                let out = &mut self.lexical[*feature as usize * width..][..width];
                add_scaled(out, own, value * STRETCH);
            }
        }
        let shape = Shape {
            rows: self.vocabulary.vector_width(),
            inner: coefficients.len() / width,
            columns: width,
        };
        let weights = &mut self.text_weights;
        transposed_multiply(weights, &features.text_vectors, coefficients, shape);
        weights.iter_mut().for_each(|v| *v *= STRETCH);
    }

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

    fn worker(&self) -> Worker {
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
    fn score_rows(
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
    fn score(
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

/// `vectors` (count x dims) minus their mean.
fn centred(vectors: &[f32], dims: usize) -> Vec<f32> {
    let count = (vectors.len() / dims).max(1);
    let mut mean = vec![0.0; dims];
    for vector in vectors.chunks_exact(dims) {
        add_scaled(&mut mean, vector, 1.0 / count as f32);
    }
    let mut centred = vectors.to_vec();
    centred
        .chunks_exact_mut(dims)
        .for_each(|vector| add_scaled(vector, &mean, -1.0));
    centred
}
