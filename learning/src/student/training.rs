//! Training of a student on the answers of its encoder.
//!
//! Model and constants were chosen on product offers, by the agreement with the
//! encoder on held-out rows.

use std::sync::{Arc, Mutex};

use super::calibration::score_offsets;
use super::doubt::{Doubt, doubt_threshold};
use super::features::{FeatureExtractor, FeatureMatrix, FeatureVocabulary};
use super::hold_out::{ExpectedAgreement, HeldOutRow, expected_agreement};
use super::kernel::kernel;
use super::model::{CHUNK_ROWS, Student};
use super::ridge::Ridge;
use super::rows::StudentRow;
use super::sample_words::SampleWords;
use super::subspace::Subspace;
use super::word_vectors::WordVectors;
use semql_inference::classifier::{Classifier, best_label};
use semql_inference::encoding::Encoder;
use semql_inference::vector::matrix::{Shape, transposed_multiply};
use semql_inference::vector::{add_scaled, mean, subtract};

/// Penalty of the ridge regression for a row, and for a shortened row, whose vector is
/// not quite the one of a row.
const PENALTY: f32 = 0.1;
const PENALTY_OF_SHORTENED: f32 = 0.4;

/// Factor that compensates the shrinkage of the regression.
const STRETCH: f32 = 1.4;

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

        let mut targets: Vec<f32> = examples()
            .flat_map(|example| example.vector.iter().copied())
            .collect();
        let of_full = training.shortened.len() * dims;
        let mean_of_full = mean(&targets[of_full..], dims);
        subtract(&mut targets, &mean_of_full);
        let mut labels = classifier.vectors().to_vec();
        subtract(&mut labels, &mean(classifier.vectors(), dims));
        let subspace = Subspace::of(
            &[&words.weighted_vectors(), &labels, &targets[of_full..]],
            dims,
        );
        let targets = subspace.project(&targets);

        let vectors = WordVectors::of(words, &subspace, encoder);
        let vocabulary = FeatureVocabulary::of(&rows, training.texts, words, vectors);
        let vocabulary = Arc::new(vocabulary);
        let mut features = FeatureMatrix::default();
        FeatureExtractor::new(Arc::clone(&vocabulary)).extract(&rows, &mut features);

        let mut penalties = vec![PENALTY_OF_SHORTENED; training.shortened.len()];
        penalties.resize(rows.len(), PENALTY);
        let width = subspace.width;
        let kernel = kernel(&features, rows.len(), vocabulary.len());
        let mut ridge = Ridge::fit(kernel, &penalties, &targets, width, full.len())?;
        let stretch = |value: &mut f32| *value *= STRETCH;
        ridge.coefficients.iter_mut().for_each(stretch);
        ridge.held_out.iter_mut().for_each(stretch);

        let mut student = Self {
            classifier: Arc::clone(classifier),
            width,
            labels: subspace.project(classifier.vectors()),
            mean: subspace.project(&mean_of_full),
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
        student.calibrate(training, ridge.held_out, requirements)?;
        Some(student)
    }

    /// Turns the weights of the rows into weights of their features.
    fn set_weights(&mut self, features: &FeatureMatrix, coefficients: &[f32]) {
        let width = self.width;
        for (row, own) in coefficients.chunks_exact(width).enumerate() {
            for (feature, value) in features.lexical_of(row) {
                let out = &mut self.lexical[*feature as usize * width..][..width];
                add_scaled(out, own, *value);
            }
        }
        let shape = Shape {
            rows: self.vocabulary.vector_width(),
            inner: coefficients.len() / width,
            columns: width,
        };
        let weights = &mut self.text_weights;
        transposed_multiply(weights, &features.text_vectors, coefficients, shape);
    }

    /// Chooses the offsets of the scores and the doubt above which rows are escalated, from
    /// the `held_out` predictions (rows x width, without the mean). `None` without rows.
    fn calibrate(
        &mut self,
        training: &StudentTraining<'_>,
        mut held_out: Vec<f32>,
        requirements: StudentRequirements,
    ) -> Option<()> {
        let full = &training.rows;
        let labels = self.classifier.labels.len();
        let of_encoder: Vec<Vec<f32>> = full
            .iter()
            .map(|example| self.classifier.scores(&example.vector, example.row.head))
            .collect();
        for vector in held_out.chunks_exact_mut(self.width) {
            add_scaled(vector, &self.mean, 1.0);
        }
        let rows: Vec<StudentRow<'_>> = full.iter().map(|example| example.row).collect();
        let mut of_student = Vec::new();
        self.score(&mut held_out, &mut Vec::new(), &rows, |_, scores| {
            of_student.push(scores)
        });
        self.offsets = score_offsets(&of_student, &of_encoder, labels);
        of_student
            .iter_mut()
            .for_each(|scores| add_scaled(scores, &self.offsets, 1.0));

        let (mut worker, mut of_others) = (self.worker(), Vec::new());
        for rows in training.others.chunks(CHUNK_ROWS) {
            self.score_rows(&mut worker, rows, |_, scores| of_others.push(scores));
        }
        self.doubt = Doubt::of(&of_others, labels);
        let given = of_others
            .iter()
            .filter_map(|scores| self.doubt.label(scores));
        let mut doubts: Vec<f32> = given.map(|given| given.doubt).collect();
        doubts.sort_unstable_by(|a, b| b.total_cmp(a));
        let held: Vec<HeldOutRow> = of_student
            .iter()
            .zip(&of_encoder)
            .filter_map(|(of_student, of_encoder)| {
                let given = self.doubt.label(of_student)?;
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
        let threshold = doubt_threshold(&doubts, min_escalation.min(max_escalation));
        self.expected = expected_agreement(held, agreement, max_escalation, threshold);
        if !doubts.is_empty() {
            // There are more of these rows than held-out ones.
            let threshold = self.expected.threshold;
            let escalated = doubts.partition_point(|doubt| *doubt > threshold);
            self.expected.escalated = escalated as f64 / doubts.len() as f64;
        }
        Some(())
    }
}
