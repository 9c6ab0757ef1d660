//! A student of a sentence encoder: from the words of a row it foretells the
//! vector that the encoder would give, and so the label.
//!
//! The shape of the student and its constants were chosen on product offers,
//! by how often it says what the encoder says of rows that it has not seen.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::features::{Extractor, Features, Row, Vocabulary};
use super::hold_out::{Expected, Held, expect};
use super::ridge::Ridge;
use super::token_vectors::TokenVectors;
use crate::inference::{Classifier, Encoder};
use crate::vector::matrix::{
    Shape, multiply_add, multiply_add_transposed, multiply_transposed, transposed_multiply,
};
use crate::vector::{add_scaled, normalize};

/// The penalty of the regression.
const ALPHA: f32 = 0.1;

/// A regression foretells less than the truth varies; this makes up for it.
const STRETCH: f32 = 1.4;

/// Inverse temperature at which labels are made as frequent as the encoder's.
const SHARPNESS: f32 = 40.0;
const CALIBRATION_STEPS: usize = 200;

/// Scores beyond which calibrating takes longer than it is worth.
const MOST_CALIBRATED: usize = 1 << 18;

/// Rows that a thread works on at a time: their vectors stay in its cache.
const ROWS: usize = 256;

/// A row with what the encoder says of it.
pub struct Lesson<'a> {
    pub row: Row<'a>,
    /// The vector that labels are compared with, of unit length.
    pub vector: Vec<f32>,
}

/// What is asked of a student.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Share of labels that have to be the encoder's, 0..1.
    pub agreement: f64,
    /// Share of rows that may go to the encoder for it, 0..1.
    pub escalation: f64,
    pub threads: usize,
}

/// A trained student.
pub struct Student {
    classifier: Arc<Classifier>,
    vocabulary: Arc<Vocabulary>,
    tokens: Option<Arc<TokenVectors>>,
    encoder: Arc<Encoder>,
    dims: usize,
    mean: Vec<f32>,
    /// Vocabulary x dims.
    lexical: Vec<f32>,
    /// Meanings x dims.
    meanings: Vec<f32>,
    /// Per label, what is added to its score.
    offsets: Vec<f32>,
    threads: usize,
    /// What the held-out rows promise.
    pub expected: Expected,
    idle: Mutex<Vec<Worker>>,
    /// Held by the partition whose rows are answered: every thread works for it.
    turn: Mutex<()>,
}

/// What a student says of some rows.
pub struct Answers {
    /// `None` where the encoder is to be asked, or there is nothing to read.
    pub labels: Vec<Option<u32>>,
    /// How long it took, waiting for other partitions left out.
    pub took: Duration,
}

/// One thread's tools.
struct Worker {
    extractor: Extractor,
    features: Features,
    vectors: Vec<f32>,
    cosines: Vec<f32>,
}

impl Student {
    /// Trains a student on `lessons` of rows with `texts` texts each. `None`
    /// where nothing can be learnt from them.
    pub fn train(
        lessons: &[Lesson<'_>],
        texts: usize,
        classifier: &Arc<Classifier>,
        encoder: &Arc<Encoder>,
        tokens: Option<Arc<TokenVectors>>,
        wanted: Wanted,
    ) -> Option<Self> {
        let dims = lessons.first()?.vector.len();
        let rows: Vec<Row<'_>> = lessons.iter().map(|lesson| lesson.row).collect();
        let vocabulary = Arc::new(Vocabulary::of(&rows, texts));
        let mut extractor =
            Extractor::new(Arc::clone(&vocabulary), tokens.clone(), Arc::clone(encoder));
        let mut features = Features::default();
        extractor.extract(&rows, &mut features);
        let targets: Vec<f32> = lessons
            .iter()
            .flat_map(|l| l.vector.iter().copied())
            .collect();
        let width = extractor.meanings();
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
        let mut meanings = vec![0.0; width * dims];
        let shape = Shape {
            rows: width,
            inner: rows.len(),
            columns: dims,
        };
        transposed_multiply(
            &mut meanings,
            &features.meanings,
            &ridge.coefficients,
            shape,
        );
        meanings.iter_mut().for_each(|v| *v *= STRETCH);

        let taught = scores(classifier, targets, &rows, dims);
        let held_out = ridge.held_out.iter().map(|v| v * STRETCH).collect();
        let held_out = with_mean(held_out, &ridge.mean, dims);
        let mut learnt = scores(classifier, held_out, &rows, dims);
        let offsets = offsets(&learnt, &taught, classifier.labels.len());
        let held: Vec<Held> = learnt
            .iter_mut()
            .zip(&taught)
            .filter_map(|(learnt, taught)| {
                learnt.iter_mut().zip(&offsets).for_each(|(s, o)| *s += o);
                let (first, margin) = ahead(learnt)?;
                Some(Held {
                    margin,
                    same: first == ahead(taught)?.0,
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
            meanings,
            offsets,
            threads: wanted.threads.max(1),
            expected: expect(held, wanted.agreement, wanted.escalation),
            idle: Mutex::default(),
            turn: Mutex::default(),
        })
    }

    /// The label of each row of which it is certain enough.
    pub fn answer(&self, rows: &[Row<'_>]) -> Answers {
        let mut labels = vec![None; rows.len()];
        let _turn = self.turn.lock().unwrap_or_else(|dead| dead.into_inner());
        let began = Instant::now();
        let share = rows.len().div_ceil(self.threads).max(ROWS);
        std::thread::scope(|scope| {
            let mut parts = rows.chunks(share).zip(labels.chunks_mut(share));
            let own = parts.next();
            for (rows, answers) in parts {
                scope.spawn(move || self.answer_part(rows, answers));
            }
            if let Some((rows, answers)) = own {
                self.answer_part(rows, answers);
            }
        });
        Answers {
            labels,
            took: began.elapsed(),
        }
    }

    fn answer_part(&self, rows: &[Row<'_>], answers: &mut [Option<u32>]) {
        let idle = || self.idle.lock().unwrap_or_else(|dead| dead.into_inner());
        let mut worker = idle().pop().unwrap_or_else(|| self.worker());
        for (rows, answers) in rows.chunks(ROWS).zip(answers.chunks_mut(ROWS)) {
            self.answer_some(&mut worker, rows, answers);
        }
        idle().push(worker);
    }

    fn worker(&self) -> Worker {
        let (vocabulary, tokens) = (Arc::clone(&self.vocabulary), self.tokens.clone());
        Worker {
            extractor: Extractor::new(vocabulary, tokens, Arc::clone(&self.encoder)),
            features: Features::default(),
            vectors: Vec::new(),
            cosines: Vec::new(),
        }
    }

    fn answer_some(&self, worker: &mut Worker, rows: &[Row<'_>], answers: &mut [Option<u32>]) {
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
        let inner = extractor.meanings();
        let shape = Shape {
            rows: rows.len(),
            inner,
            columns: self.dims,
        };
        multiply_add(vectors, &features.meanings, &self.meanings, shape);
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
        for ((row, answer), cosines) in rows
            .iter()
            .zip(answers)
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
            *answer = ahead(&scores)
                .filter(|(_, margin)| *margin >= self.expected.threshold)
                .map(|(label, _)| label as u32);
        }
    }
}

/// Rows x rows: how alike the rows are.
fn kernel(features: &Features, rows: usize, vocabulary: usize, meanings: usize) -> Vec<f32> {
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
        inner: meanings,
        columns: rows,
    };
    multiply_add_transposed(&mut kernel, &features.meanings, &features.meanings, shape);
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
    rows: &[Row<'_>],
    dims: usize,
) -> Vec<Vec<f32>> {
    let vectors = vectors.chunks_exact(dims).zip(rows);
    vectors
        .map(|(vector, row)| classifier.scores(vector, row.head))
        .collect()
}

/// What to add to each label's score so that the student gives it about as
/// often as the teacher: a regression leans to the frequent ones.
fn offsets(learnt: &[Vec<f32>], taught: &[Vec<f32>], labels: usize) -> Vec<f32> {
    let mut offsets = vec![0f32; labels];
    if learnt.len() * labels > MOST_CALIBRATED {
        return offsets;
    }
    // Half a row for each label, so that one which the sample lacks stays possible.
    let mut wanted = vec![0.5f32; labels];
    for scores in taught {
        if let Some((first, _)) = ahead(scores) {
            wanted[first] += 1.0;
        }
    }
    let mut shares = vec![0f32; labels];
    for _ in 0..CALIBRATION_STEPS {
        let mut given = vec![0.5f32; labels];
        for scores in learnt {
            let sharp = scores
                .iter()
                .zip(&offsets)
                .map(|(s, o)| SHARPNESS * (s + o));
            shares
                .iter_mut()
                .zip(sharp)
                .for_each(|(share, s)| *share = s);
            let top = shares.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            shares.iter_mut().for_each(|s| *s = (*s - top).exp());
            let sum: f32 = shares.iter().sum();
            given
                .iter_mut()
                .zip(&shares)
                .for_each(|(g, s)| *g += s / sum);
        }
        let steps = wanted
            .iter()
            .zip(&given)
            .map(|(w, g)| 0.5 * (w / g).ln() / SHARPNESS);
        offsets
            .iter_mut()
            .zip(steps)
            .for_each(|(o, step)| *o += step);
    }
    offsets
}

/// The first of the highest scores, and how far it is ahead of the next.
fn ahead(scores: &[f32]) -> Option<(usize, f32)> {
    let first = crate::inference::best(scores)?;
    let others = scores
        .iter()
        .enumerate()
        .filter(|(label, _)| *label != first);
    let second = others
        .map(|(_, score)| *score)
        .fold(f32::NEG_INFINITY, f32::max);
    Some((first, scores[first] - second))
}
