//! Linear classifier of texts.

use super::feature_row::FeatureRow;
use super::label_path::best_path;
use super::linear_head::LinearHead;
use super::metadata::ClassifierMetadata;
use super::metric_adapter::MetricAdapter;
use super::ngrams::{NgramBuffers, NgramVocabulary, RowTexts, SparseVector};
use super::row_vectors::VectorSource;
use semql_inference::parallel::{cores, parallel_for_each};

/// Trained classifier of rows of texts.
#[derive(Clone, Debug, PartialEq)]
pub struct TextClassifier {
    pub metadata: ClassifierMetadata,
    pub(super) ngrams: NgramVocabulary,
    /// Source of the vectors of rows; `None` without vectors.
    pub(super) source: Option<VectorSource>,
    pub(super) adapter: MetricAdapter,
    /// By level.
    pub(super) heads: Vec<LinearHead>,
}

/// Prediction for a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// By level: the position of the label.
    pub labels: Vec<u32>,
    /// By level and label: the signed distance from the boundary of the label; above
    /// 0 if the label fits.
    pub scores: Vec<Vec<f32>>,
}

/// Largest number of rows of a unit of parallel work.
const CHUNK_ROWS: usize = 256;

impl TextClassifier {
    /// Predictions for rows with the `vectors` (rows x width); `None` for a row
    /// without text. Uses all cores.
    pub fn predict(&self, rows: &[RowTexts<'_>], vectors: &[f32]) -> Vec<Option<Prediction>> {
        let share = rows.len().div_ceil(cores()).clamp(1, CHUNK_ROWS);
        let width = self.adapter.width;
        let mut predictions = vec![None; rows.len()];
        let vectors = |at: usize, rows: usize| &vectors[at * share * width..][..rows * width];
        let shares = rows.chunks(share).zip(predictions.chunks_mut(share));
        parallel_for_each(shares.enumerate(), |(at, (rows, out))| {
            self.predict_chunk(rows, vectors(at, rows.len()), out);
        });
        predictions
    }

    fn predict_chunk(
        &self,
        rows: &[RowTexts<'_>],
        vectors: &[f32],
        out: &mut [Option<Prediction>],
    ) {
        let mut buffers = NgramBuffers::default();
        let ngrams = rows.iter().map(|row| self.ngrams.row(row, &mut buffers));
        let ngrams: Vec<SparseVector> = ngrams.collect();
        let mut adapted = vec![0.0; vectors.len()];
        self.adapter.apply(vectors, &mut adapted);
        let features: Vec<FeatureRow<'_>> = (0..rows.len())
            .map(|row| FeatureRow {
                ngrams: &ngrams[row],
                vector: &adapted[row * self.adapter.width..][..self.adapter.width],
            })
            .collect();
        let scores: Vec<Vec<f32>> = self
            .heads
            .iter()
            .map(|head| head.scores(&features))
            .collect();
        for (row, out) in out.iter_mut().enumerate() {
            if rows[row].iter().all(Option::is_none) {
                continue;
            }
            let of_levels = scores.iter().zip(&self.heads);
            let scores: Vec<Vec<f32>> = of_levels
                .map(|(scores, head)| scores[row * head.labels()..][..head.labels()].to_vec())
                .collect();
            *out = Some(Prediction {
                labels: best_path(&self.metadata.paths, &scores),
                scores,
            });
        }
    }

    /// Name and revision of the encoder of its vectors; `None` without vectors.
    pub fn encoder(&self) -> Option<(&str, &str)> {
        let source = self.source.as_ref()?;
        Some((&source.model, &source.revision))
    }

    /// Name of the label at position `label` of a level.
    pub fn label(&self, level: usize, label: u32) -> &str {
        &self.metadata.levels[level].labels[label as usize]
    }
}
