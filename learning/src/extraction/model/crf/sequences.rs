//! Sequences of tokens with their features and labels.

/// Features of the tokens of a sequence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureRows {
    features: Vec<u32>,
    ends: Vec<u32>,
}

impl FeatureRows {
    /// Adds a token with its features.
    pub fn push(&mut self, features: impl IntoIterator<Item = u32>) {
        self.features.extend(features);
        self.ends.push(self.features.len() as u32);
    }

    pub fn clear(&mut self) {
        self.features.clear();
        self.ends.clear();
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Features of a token.
    pub fn of(&self, token: usize) -> &[u32] {
        let start = token.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.features[start as usize..self.ends[token] as usize]
    }

    /// Features by token.
    pub fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len()).map(|token| self.of(token))
    }

    /// Features of all tokens.
    pub fn all(&self) -> &[u32] {
        &self.features
    }
}

/// Labelled sequence.
#[derive(Clone, Debug)]
pub struct LabelledSequence {
    pub tokens: FeatureRows,
    /// By token: its label of the model.
    pub labels: Vec<u16>,
    /// Position of its label set.
    pub set: usize,
}
