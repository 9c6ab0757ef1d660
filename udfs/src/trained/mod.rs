//! Classifiers trained from labelled rows: `CREATE MODEL` makes one,
//! `ai_predict` asks it.

mod artefact;
mod create;
mod head;
mod meaning;
mod ngrams;
mod onnx;
mod predictor;
mod registry;
mod space;
mod statement;
mod svm;
mod training;
mod twins;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use create::create;
pub use ngrams::Columns;
pub use onnx::export;
pub use predictor::Predictor;
pub use registry::{Registry, names};
pub use statement::{CreateModel, Features, Method, Options};
pub use training::{Examples, Halted, Vectors, train};

use head::{Head, Seen};
use meaning::Source;
use ngrams::{Buffers, Ngrams, Sparse};
use space::Space;

use crate::shares::{cores, each_share};

/// A trained classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    pub about: About,
    ngrams: Ngrams,
    /// Where the vectors of rows come from; `None` where there are none.
    source: Option<Source>,
    space: Space,
    heads: Vec<Head>,
}

/// What is known of a trained classifier beside its numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct About {
    pub name: String,
    /// The version of semql that trained it.
    pub semql: String,
    /// The text columns that it reads, in order.
    pub columns: Vec<String>,
    /// What it predicts, the coarsest first.
    pub levels: Vec<Level>,
    /// The combinations of labels that the training rows have, as positions
    /// in each level's labels: only these are predicted.
    pub paths: Vec<Vec<u32>>,
    /// Rows it was trained on, and rows without a label or a text.
    pub rows: u64,
    pub left_out: u64,
    /// Names the training rows, in any order.
    pub fingerprint: String,
    /// What a row on the wrong side of a boundary costs.
    pub cost: f32,
    pub balanced: bool,
    /// What it sees of a row beside its words.
    pub features: Features,
    /// With an adapter, the share of the identity in it.
    pub adapter: Option<f32>,
    /// How many rows were predicted by a model that had not seen them.
    pub held_out: u64,
    /// Of these, those of whose label the model is surest that it is wrong.
    pub doubts: Vec<Doubt>,
    /// Rows that are nearly the same and have different labels.
    pub conflicts: Vec<Conflict>,
}

/// Two training rows that are nearly the same and have different labels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// Per column, how the texts begin.
    pub texts: [Vec<Option<String>>; 2],
    /// Per level, the positions of the labels.
    pub labels: [Vec<u32>; 2],
    /// Words in both by words in either, 0..1.
    pub similarity: f32,
}

/// A row whose label may be a mistake: the model, which had not seen it, says
/// something else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    /// Per column, how the text begins.
    pub texts: Vec<Option<String>>,
    /// Per level, the position of the label that the row has, and of the
    /// predicted one.
    pub labels: Vec<u32>,
    pub predicted: Vec<u32>,
    /// How far the predicted labels are ahead, over all levels.
    pub margin: f32,
}

/// One of the things that are predicted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// The label's column.
    pub column: String,
    pub labels: Vec<String>,
    /// On the held-out rows, 0..1.
    pub accuracy: f64,
    pub macro_f1: f64,
    pub weighted_f1: f64,
    /// Per label, on the held-out rows.
    pub of_labels: Vec<OfLabel>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OfLabel {
    pub rows: u64,
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
}

/// What is said of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Per level, the position of the label.
    pub labels: Vec<u32>,
    /// Per level, how far the row is on each label's side of its boundary:
    /// above 0 means the label fits.
    pub scores: Vec<Vec<f32>>,
}

/// Rows that are predicted at a time.
const ROWS: usize = 256;

impl Trained {
    /// The predictions for rows, whose vectors (rows x the space's width) are
    /// `vectors`; `None` for a row that has no text at all. By all cores.
    pub fn predict(&self, rows: &[Columns<'_>], vectors: &[f32]) -> Vec<Option<Prediction>> {
        let share = rows.len().div_ceil(cores()).clamp(1, ROWS);
        let width = self.space.width;
        let mut predictions = vec![None; rows.len()];
        let vectors = |at: usize, rows: usize| &vectors[at * share * width..][..rows * width];
        let shares = rows.chunks(share).zip(predictions.chunks_mut(share));
        each_share(shares.enumerate(), |(at, (rows, out))| {
            self.predict_some(rows, vectors(at, rows.len()), out);
        });
        predictions
    }

    fn predict_some(&self, rows: &[Columns<'_>], vectors: &[f32], out: &mut [Option<Prediction>]) {
        let mut buffers = Buffers::default();
        let words = rows.iter().map(|row| self.ngrams.row(row, &mut buffers));
        let words: Vec<Sparse> = words.collect();
        let mut meanings = vec![0.0; vectors.len()];
        self.space.apply(vectors, &mut meanings);
        let seen: Vec<Seen<'_>> = (0..rows.len())
            .map(|row| Seen {
                words: &words[row],
                meaning: &meanings[row * self.space.width..][..self.space.width],
            })
            .collect();
        let scores: Vec<Vec<f32>> = self.heads.iter().map(|head| head.scores(&seen)).collect();
        for (row, out) in out.iter_mut().enumerate() {
            if rows[row].iter().all(Option::is_none) {
                continue;
            }
            let of_levels = scores.iter().zip(&self.heads);
            let scores: Vec<Vec<f32>> = of_levels
                .map(|(scores, head)| scores[row * head.labels()..][..head.labels()].to_vec())
                .collect();
            *out = Some(Prediction {
                labels: likeliest(&self.about.paths, &scores),
                scores,
            });
        }
    }

    /// The label of a level.
    pub fn label(&self, level: usize, label: u32) -> &str {
        &self.about.levels[level].labels[label as usize]
    }
}

/// Of the paths, the one whose labels have the highest scores together; of
/// equal ones the first.
fn likeliest(paths: &[Vec<u32>], scores: &[Vec<f32>]) -> Vec<u32> {
    let score = |path: &Vec<u32>| -> f32 {
        let of_levels = path.iter().zip(scores);
        of_levels
            .map(|(label, scores)| scores[*label as usize])
            .sum()
    };
    let mut best: Option<(&Vec<u32>, f32)> = None;
    for path in paths {
        let score = score(path);
        if best.is_none_or(|(_, most)| score > most) {
            best = Some((path, score));
        }
    }
    best.map(|(path, _)| path.clone()).unwrap_or_default()
}

/// A trained classifier that many share.
pub type Shared = Arc<Predictor>;
