//! Options of `CREATE MODEL`.

use serde::{Deserialize, Serialize};

/// Options of training.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingOptions {
    /// Cost of a row on the wrong side of a boundary; `None` for cross-validation.
    pub cost: Option<f32>,
    /// Whether rare labels weigh as much as frequent ones.
    pub balanced: bool,
    /// Features beside n-grams; `None` to choose by the number of rows.
    pub features: Option<FeatureSet>,
    pub method: Method,
}

/// Features of a row. N-grams of words and characters are always included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FeatureSet {
    #[default]
    Ngrams,
    /// N-grams and SIF vectors of the encoder's vocabulary.
    TokenVectors,
    /// N-grams and the encoder's vectors of texts.
    Embeddings,
}

impl FeatureSet {
    /// Names and values of all variants.
    pub const ALL: [(&'static str, Self); 3] = [
        ("ngrams", Self::Ngrams),
        ("token_vectors", Self::TokenVectors),
        ("embeddings", Self::Embeddings),
    ];

    /// Name in SQL.
    pub fn name(self) -> &'static str {
        let named = Self::ALL.iter().find(|(_, features)| *features == self);
        named.map_or("", |(name, _)| name)
    }
}

/// Transformation of vectors into features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// Centred and normalized.
    #[default]
    Linear,
    /// Also mapped by a metric adapter, if cross-validation finds it better.
    Adapter,
}

impl Method {
    /// Names and values of all variants.
    pub const ALL: [(&'static str, Self); 2] =
        [("linear", Self::Linear), ("adapter", Self::Adapter)];
}
