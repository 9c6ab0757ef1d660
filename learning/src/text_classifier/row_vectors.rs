//! Vectors of rows: of their first column, and of all columns together.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::ngrams::RowTexts;
use super::options::FeatureSet;
use crate::token_vectors::{
    SifEmbedder, TokenVectors, WordFrequencies, each_leading_word, word_frequencies,
};
use crate::words::hash_word;
use semql_inference::InferenceContext;
use semql_inference::encoding::{Encoder, ModelInput};
use semql_inference::parallel::{cores, parallel_for_each};
use semql_inference::vector::normalize;
use semql_inference::{Error, Result};

/// Smallest stored word frequency; rarer words have nearly their full weight.
const MIN_STORED_FREQUENCY: f32 = 1e-5;

/// Largest number of rows of a unit of work.
const CHUNK_ROWS: usize = 1024;

/// Source of vectors; part of the model file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VectorSource {
    /// [`FeatureSet::TokenVectors`] or [`FeatureSet::Embeddings`].
    pub features: FeatureSet,
    pub model: String,
    pub revision: String,
    pub dims: usize,
    /// Hashes and frequencies of the words of the training rows.
    pub frequencies: Vec<(u64, f32)>,
}

/// Computes the vectors of rows.
pub struct RowVectorizer {
    pub source: VectorSource,
    columns: usize,
    encoder: Arc<Encoder>,
    /// `None` for embeddings.
    tokens: Option<(Arc<TokenVectors>, Arc<WordFrequencies>)>,
    idle: Mutex<Vec<SifEmbedder>>,
}

impl RowVectorizer {
    /// Vectorizer of training rows with `columns` columns, with the model of
    /// `context`. `None` for n-grams, or if the model has no vocabulary.
    ///
    /// # Errors
    /// Those of the model.
    pub fn for_training<'a>(
        features: FeatureSet,
        context: &InferenceContext,
        columns: usize,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<Option<Self>> {
        if features == FeatureSet::Ngrams {
            return Ok(None);
        }
        let encoder = context.encoder()?;
        let mut known: Vec<(u64, f32)> = match features {
            FeatureSet::TokenVectors => word_frequencies(texts).into_iter().collect(),
            _ => Vec::new(),
        };
        known.retain(|(_, share)| *share > MIN_STORED_FREQUENCY);
        known.sort_unstable_by_key(|(word, _)| *word);
        let source = VectorSource {
            features,
            model: context.options.model.model.clone(),
            revision: encoder.identity.revision.clone(),
            dims: encoder.dims,
            frequencies: known,
        };
        Self::open(source, context, columns)
    }

    /// Vectorizer for a classifier that was trained with vectors from `source`.
    ///
    /// # Errors
    /// Those of the model, and if its revision or dimensions differ from training.
    pub fn for_prediction(
        source: &VectorSource,
        context: &InferenceContext,
        columns: usize,
    ) -> Result<Option<Self>> {
        let context = context.with_model(&source.model);
        let encoder = context.encoder()?;
        if (&encoder.identity.revision, encoder.dims) != (&source.revision, source.dims) {
            return Err(Error::Setup(format!(
                "the model was trained on vectors of {} at revision {}, but the installed revision is {}; train it again",
                source.model, source.revision, encoder.identity.revision
            )));
        }
        Self::open(source.clone(), &context, columns)
    }

    fn open(
        source: VectorSource,
        context: &InferenceContext,
        columns: usize,
    ) -> Result<Option<Self>> {
        let encoder = context.encoder()?;
        let mut tokens = None;
        if source.features == FeatureSet::TokenVectors {
            let encode_context = context.encode_context()?;
            let Some(vectors) = TokenVectors::of(&encoder, &encode_context)? else {
                return Ok(None);
            };
            let frequencies = source.frequencies.iter().copied().collect();
            tokens = Some((Arc::new(vectors), Arc::new(frequencies)));
        }
        Ok(Some(Self {
            source,
            columns,
            encoder,
            tokens,
            idle: Mutex::default(),
        }))
    }

    /// Values of a block: the vector of a text.
    pub fn block(&self) -> usize {
        self.source.dims
    }

    /// Values of the vector of a row: two blocks, or one for a single column.
    pub fn width(&self) -> usize {
        self.source.dims * self.columns.min(2)
    }

    /// Vectors of rows (rows x width): unit vectors, or zeros without text.
    ///
    /// # Errors
    /// Those of the model.
    pub fn vectors(&self, rows: &[RowTexts<'_>], context: &InferenceContext) -> Result<Vec<f32>> {
        let mut vectors = vec![0.0; rows.len() * self.width()];
        match &self.tokens {
            Some((tokens, frequencies)) => {
                self.sum_token_vectors(rows, tokens, frequencies, &mut vectors)
            }
            None => self.embed(rows, context, &mut vectors)?,
        }
        Ok(vectors)
    }

    /// Writes SIF vectors, on all cores.
    fn sum_token_vectors(
        &self,
        rows: &[RowTexts<'_>],
        tokens: &Arc<TokenVectors>,
        frequencies: &Arc<WordFrequencies>,
        out: &mut [f32],
    ) {
        let share = rows.len().div_ceil(cores()).clamp(1, CHUNK_ROWS);
        let shares = rows.chunks(share).zip(out.chunks_mut(share * self.width()));
        let idle = || self.idle.lock().unwrap_or_else(|dead| dead.into_inner());
        parallel_for_each(shares, |(rows, out)| {
            let taken = idle().pop();
            let mut embedder = taken.unwrap_or_else(|| {
                SifEmbedder::new(
                    Arc::clone(tokens),
                    Arc::clone(&self.encoder),
                    Arc::clone(frequencies),
                )
            });
            let mut buffer = String::new();
            let vectors = out.chunks_exact_mut(self.width());
            for (row, vector) in rows.iter().zip(vectors) {
                self.sum_row(row, &mut embedder, &mut buffer, vector);
            }
            idle().push(embedder);
        });
    }

    fn sum_row(
        &self,
        row: &RowTexts<'_>,
        embedder: &mut SifEmbedder,
        buffer: &mut String,
        out: &mut [f32],
    ) {
        let (first, all) = out.split_at_mut(self.block());
        for (column, text) in row.iter().enumerate() {
            let out = if column == 0 { &mut *first } else { &mut *all };
            each_leading_word(text.unwrap_or_default(), buffer, |word| {
                embedder.add(hash_word(word), word, out);
            });
        }
        all.iter_mut().zip(&*first).for_each(|(a, f)| *a += f);
        normalize(first);
        normalize(all);
    }

    fn embed(
        &self,
        rows: &[RowTexts<'_>],
        context: &InferenceContext,
        out: &mut [f32],
    ) -> Result<()> {
        let encode_context = context.with_model(&self.source.model).encode_context()?;
        let blocks = self.columns.min(2);
        for (rows, out) in rows
            .chunks(CHUNK_ROWS)
            .zip(out.chunks_mut(CHUNK_ROWS * self.width()))
        {
            let inputs: Vec<ModelInput<'_>> = rows
                .iter()
                .flat_map(|row| {
                    let texts: Vec<&str> = row.iter().flatten().copied().collect();
                    let all = (!texts.is_empty()).then(|| texts.join(". ").into());
                    [row[0].map(Into::into), all].into_iter().take(blocks)
                })
                .collect();
            let vectors = self.encoder.encode(&inputs, &encode_context)?;
            for (at, out) in out.chunks_exact_mut(self.block()).enumerate() {
                if let Some(vector) = vectors.get(at) {
                    out.copy_from_slice(vector);
                }
            }
        }
        Ok(())
    }
}
