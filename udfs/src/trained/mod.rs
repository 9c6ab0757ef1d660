//! Classifiers trained from labelled rows: `CREATE MODEL` makes one,
//! `ai_predict` asks it.

mod artefact;
mod create;
mod ngrams;
mod registry;
mod statement;
mod svm;
mod training;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use create::create;
pub use ngrams::{Buffers, Columns};
pub use registry::{Registry, names};
pub use statement::{CreateModel, Options};
pub use training::{Examples, Halted, train};

use crate::vector::add_scaled;
use ngrams::Ngrams;

/// A trained classifier.
#[derive(Clone, Debug, PartialEq)]
pub struct Trained {
    pub about: About,
    ngrams: Ngrams,
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
    /// How many rows were predicted by a model that had not seen them.
    pub held_out: u64,
    /// Of these, those of whose label the model is surest that it is wrong.
    pub doubts: Vec<Doubt>,
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

/// The numbers of one level, ordered by feature.
#[derive(Clone, Debug, Default, PartialEq)]
struct Head {
    bias: Vec<f32>,
    /// Per feature, where its entries begin; and where the last ones end.
    starts: Vec<u32>,
    labels: Vec<u32>,
    values: Vec<f32>,
    /// Features that many labels have, once more as one value for each label:
    /// adding those is quicker than finding their places.
    dense: Vec<f32>,
    /// Per feature, which row of `dense` it has.
    dense_rows: Vec<Option<u32>>,
}

/// A feature that one in so many labels has is dense.
const DENSE: usize = 10;

impl Head {
    /// Of one [`svm::Weights`] for each label.
    fn new(weights: &[svm::Weights], features: usize) -> Self {
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
        Self::with_dense(
            weights.iter().map(|w| w.bias).collect(),
            starts,
            labels,
            values,
        )
    }

    /// Of what a file keeps.
    fn with_dense(bias: Vec<f32>, starts: Vec<u32>, labels: Vec<u32>, values: Vec<f32>) -> Self {
        let mut head = Self {
            bias,
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

    fn scores(&self, row: &ngrams::Sparse) -> Vec<f32> {
        let mut scores = self.bias.clone();
        let width = scores.len();
        for (feature, value) in row {
            if let Some(dense) = self.dense_rows[*feature as usize] {
                let weights = &self.dense[dense as usize * width..][..width];
                add_scaled(&mut scores, weights, *value);
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
        scores
    }
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

impl Trained {
    /// The prediction for a row; `None` where it has no text at all.
    pub fn predict(&self, row: &Columns<'_>, buffers: &mut Buffers) -> Option<Prediction> {
        row.iter().any(Option::is_some).then(|| {
            let sparse = self.ngrams.row(row, buffers);
            let scores: Vec<Vec<f32>> =
                self.heads.iter().map(|head| head.scores(&sparse)).collect();
            Prediction {
                labels: likeliest(&self.about.paths, &scores),
                scores,
            }
        })
    }

    /// The predictions for many rows, by all cores.
    pub fn predict_all(&self, rows: &[Columns<'_>]) -> Vec<Option<Prediction>> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = rows.len().div_ceil(cores).max(64);
        let mut predictions = vec![None; rows.len()];
        std::thread::scope(|scope| {
            for (rows, out) in rows.chunks(share).zip(predictions.chunks_mut(share)) {
                scope.spawn(move || {
                    let mut buffers = Buffers::default();
                    for (row, out) in rows.iter().zip(out) {
                        *out = self.predict(row, &mut buffers);
                    }
                });
            }
        });
        predictions
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
pub type Shared = Arc<Trained>;
