//! Input of a training: labelled rows and their vectors.

use super::super::ngrams::RowTexts;
use super::super::row_vectors::{RowVectorizer, VectorSource};

/// Labelled rows.
#[derive(Clone, Debug, Default)]
pub struct TrainingExamples {
    /// Names of the text columns.
    pub columns: Vec<String>,
    /// Names of the label columns, the coarsest first.
    pub levels: Vec<String>,
    /// By column and row: the text; `None` for a blank one.
    pub texts: Vec<Vec<Option<String>>>,
    /// By level and row: the label.
    pub labels: Vec<Vec<Option<String>>>,
}

impl TrainingExamples {
    /// Texts of all rows.
    pub fn rows(&self) -> Vec<RowTexts<'_>> {
        (0..self.len()).map(|row| self.row(row)).collect()
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.texts.first().map_or(0, Vec::len)
    }

    /// Texts of a row.
    pub(super) fn row(&self, row: usize) -> RowTexts<'_> {
        let texts = self.texts.iter();
        texts.map(|texts| texts[row].as_deref()).collect()
    }
}

/// Vectors of the rows of [`TrainingExamples`].
pub struct TrainingVectors {
    pub(super) source: VectorSource,
    pub(super) width: usize,
    pub(super) block: usize,
    /// Rows x width.
    data: Vec<f32>,
}

impl TrainingVectors {
    /// Vectors (`data` is rows x width) from `vectorizer`.
    pub fn new(vectorizer: &RowVectorizer, data: Vec<f32>) -> Self {
        Self {
            source: vectorizer.source.clone(),
            width: vectorizer.width(),
            block: vectorizer.block(),
            data,
        }
    }

    /// Vectors of some rows.
    pub(super) fn of(&self, rows: &[usize]) -> Vec<f32> {
        let of = |row: &usize| &self.data[row * self.width..][..self.width];
        rows.iter().flat_map(of).copied().collect()
    }
}
