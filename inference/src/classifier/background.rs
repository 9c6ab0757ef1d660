//! Generic texts, with which the score of a label is compared.

use crate::encoding::{EncodeContext, Encoder, ModelInput};
use crate::error::Result;
use crate::vector::dot;

/// Short texts of many subjects and kinds, one a line.
const TEXTS: &str = include_str!("background.txt");

/// Nearest texts that determine [`Background::similarity`].
const NEAREST: usize = 5;

/// Vectors of generic texts.
pub struct Background {
    dims: usize,
    vectors: Vec<f32>,
}

impl Background {
    /// Encodes the texts.
    ///
    /// # Errors
    /// Those of [`Encoder::encode`].
    pub fn new(encoder: &Encoder, context: &EncodeContext) -> Result<Self> {
        let texts: Vec<ModelInput<'_>> = TEXTS.lines().map(|text| Some(text.into())).collect();
        let encoded = encoder.encode(&texts, context)?;
        let vectors = (0..texts.len()).filter_map(|text| encoded.get(text));
        Ok(Self {
            dims: encoder.dims,
            vectors: vectors.flatten().copied().collect(),
        })
    }

    /// The vectors of all texts.
    pub fn vectors(&self) -> impl Iterator<Item = &[f32]> {
        self.vectors.chunks_exact(self.dims)
    }

    /// Mean cosine of `vector` (unit length) to the [`NEAREST`] texts, without the text
    /// number `left_out`.
    pub fn similarity(&self, vector: &[f32], left_out: Option<usize>) -> f32 {
        let others = self.vectors().enumerate();
        let others = others.filter(|(at, _)| Some(*at) != left_out);
        let mut cosines: Vec<f32> = others.map(|(_, other)| dot(other, vector)).collect();
        cosines.sort_unstable_by(|a, b| b.total_cmp(a));
        cosines.truncate(NEAREST);
        cosines.iter().sum::<f32>() / cosines.len().max(1) as f32
    }
}
