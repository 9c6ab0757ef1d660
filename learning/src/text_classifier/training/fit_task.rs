//! Fits of linear heads to subsets of the training rows.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::super::feature_row::FeatureRow;
use super::super::linear_head::LinearHead;
use super::super::metric_adapter::MetricAdapter;
use super::super::ngrams::SparseVector;
use super::super::svm::{BinaryWeights, train_binary};
use super::training_rows::TrainingRows;
use semql_inference::parallel::parallel_for_each;
use semql_inference::progress::ProgressSink;
use semql_inference::{Error, Result};

/// Rows of a unit of parallel work.
const CHUNK_ROWS: usize = 1024;

/// Parameters of a fit, which cross-validation chooses.
#[derive(Clone, Copy, Debug)]
pub struct FitParameters {
    pub cost: f32,
    /// Share of the identity in the metric adapter; `None` without its map.
    pub adapter: Option<f32>,
}

/// Result of a fit to some rows.
pub struct FittedHeads {
    pub adapter: MetricAdapter,
    /// Adapted vectors of all rows: rows x width.
    pub vectors: Vec<f32>,
    /// By level.
    pub heads: Vec<LinearHead>,
}

/// Features of the training rows, and the progress of their fits.
pub struct FitTask<'a> {
    pub rows: &'a TrainingRows<'a>,
    /// Distinct combinations of labels, sorted.
    pub paths: &'a [Vec<u32>],
    /// By row: the position of its combination in `paths`.
    pub classes: Vec<u32>,
    pub ngrams: &'a [SparseVector],
    /// Number of n-grams of the vocabulary.
    pub features: usize,
    /// Rows x width.
    pub vectors: Vec<f32>,
    pub width: usize,
    pub block: usize,
    pub balanced: bool,
    pub progress: &'a dyn ProgressSink,
    /// Binary classifiers that are trained, and that all fits will train.
    pub trained: AtomicUsize,
    pub planned: usize,
}

impl FitTask<'_> {
    /// Features of a row with these adapted vectors of all rows.
    pub fn feature_row<'b>(&'b self, row: usize, vectors: &'b [f32]) -> FeatureRow<'b> {
        FeatureRow {
            ngrams: &self.ngrams[row],
            vector: &vectors[row * self.width..][..self.width],
        }
    }

    /// Splits `rows` into training and test rows. Rows with equal texts stay together.
    pub fn split(&self, rows: &[usize], fold: usize, folds: usize) -> (Vec<usize>, Vec<usize>) {
        // The upper half of the hash: the whole hash orders rows for cross-validation.
        rows.iter()
            .partition(|row| (self.rows.hashes[**row] >> 32) as usize % folds != fold)
    }

    /// Adapter of `rows`, and the adapted vectors of all rows.
    pub fn fit_adapter(&self, rows: &[usize], identity: Option<f32>) -> (MetricAdapter, Vec<f32>) {
        let mut adapted = vec![0.0; self.vectors.len()];
        if self.width == 0 {
            return (MetricAdapter::default(), adapted);
        }
        let of = |row: &usize| &self.vectors[row * self.width..][..self.width];
        let vectors: Vec<f32> = rows.iter().flat_map(of).copied().collect();
        let classes: Vec<u32> = rows.iter().map(|row| self.classes[*row]).collect();
        let within_class = identity.map(|share| (classes.as_slice(), share));
        let adapter = MetricAdapter::fit(&vectors, self.width, self.block, within_class);
        let chunk = CHUNK_ROWS * self.width;
        let chunks = self.vectors.chunks(chunk).zip(adapted.chunks_mut(chunk));
        parallel_for_each(chunks, |(vectors, out)| adapter.apply(vectors, out));
        (adapter, adapted)
    }

    /// Fits the heads of all levels to `rows`.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once the progress is cancelled.
    pub fn fit(&self, rows: &[usize], parameters: FitParameters) -> Result<FittedHeads> {
        let (adapter, vectors) = self.fit_adapter(rows, parameters.adapter);
        let levels = 0..self.rows.labels.len();
        let heads = levels.map(|level| self.fit_level(level, rows, parameters.cost, &vectors));
        Ok(FittedHeads {
            heads: heads.collect::<Result<_>>()?,
            adapter,
            vectors,
        })
    }

    /// Fits the head of a level to `rows`, with a label on each core.
    ///
    /// # Errors
    /// [`Error::Interrupted`] once the progress is cancelled.
    pub fn fit_level(
        &self,
        level: usize,
        rows: &[usize],
        cost: f32,
        vectors: &[f32],
    ) -> Result<LinearHead> {
        let features: Vec<FeatureRow<'_>> = rows
            .iter()
            .map(|row| self.feature_row(*row, vectors))
            .collect();
        let costs = self.costs(level, rows, cost);
        let mut fitted = vec![BinaryWeights::default(); self.rows.labels[level].len()];
        parallel_for_each(fitted.iter_mut().enumerate(), |(label, fitted)| {
            if self.progress.is_cancelled() {
                return;
            }
            let positive: Vec<bool> = rows
                .iter()
                .map(|row| self.rows.paths[*row][level] as usize == label)
                .collect();
            *fitted = train_binary(&features, &positive, &costs, self.features, self.progress);
            let trained = self.trained.fetch_add(1, Relaxed) + 1;
            self.progress
                .step("CREATE MODEL: label", trained, self.planned);
        });
        match self.progress.is_cancelled() {
            true => Err(Error::Interrupted),
            false => Ok(LinearHead::new(&fitted, self.features)),
        }
    }

    /// By row: its cost, with balanced labels in inverse proportion to their frequency.
    fn costs(&self, level: usize, rows: &[usize], cost: f32) -> Vec<f32> {
        if !self.balanced {
            return vec![cost; rows.len()];
        }
        let labels = self.rows.labels[level].len();
        let label = |row: &usize| self.rows.paths[*row][level] as usize;
        let mut frequency = vec![0usize; labels];
        rows.iter().for_each(|row| frequency[label(row)] += 1);
        let balanced =
            |row: &usize| cost * rows.len() as f32 / (labels * frequency[label(row)]) as f32;
        rows.iter().map(balanced).collect()
    }
}
