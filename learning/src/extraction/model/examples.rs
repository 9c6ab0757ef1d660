//! Labelled rows, and options of training.

/// Labelled rows.
#[derive(Clone, Debug, Default)]
pub struct ExtractionExamples {
    /// Names of the text columns.
    pub columns: Vec<String>,
    /// By column and row: the text.
    pub texts: Vec<Vec<Option<String>>>,
    /// Names of the attributes.
    pub attributes: Vec<String>,
    /// By attribute and row: the values, in order of preference. `None` if the row is not
    /// labelled, empty if the text has none.
    pub values: Vec<Vec<Option<Vec<String>>>>,
    /// By row: rows of one group are held out together.
    pub groups: Option<Vec<String>>,
}

/// Features of words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExtractionFeatures {
    #[default]
    Words,
    TokenVectors,
}

impl ExtractionFeatures {
    /// Names and values of all variants.
    pub const ALL: [(&'static str, Self); 2] = [
        ("words", Self::Words),
        ("token_vectors", Self::TokenVectors),
    ];
}

/// Options of training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExtractionOptions {
    /// Columns that describe a row, such as a category, and have no values; `None` to
    /// choose columns with few short texts.
    pub context: Option<Vec<String>>,
    /// `None` to choose.
    pub features: Option<ExtractionFeatures>,
    /// Random seed of the folds.
    pub seed: u64,
}

impl ExtractionExamples {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.texts.first().map_or(0, Vec::len)
    }
}
