//! Vectors of what rows mean, for a trained classifier: of their first column,
//! and of all columns together.

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::ngrams::Columns;
use super::statement::Features;
use crate::error::{Error, Result};
use crate::inference::{Encoder, Reading, Run};
use crate::learning::{Frequencies, Meanings, TokenVectors, each_counted, frequencies};
use crate::options::{AiOptions, Settings};
use crate::shares::{cores, each_share};
use crate::vector::normalize;
use crate::words::number;

/// A rarer word has its full weight whether it is remembered or not.
const RARE: f32 = 1e-5;

/// Rows that a thread takes at a time.
const ROWS: usize = 1024;

/// Where vectors come from; in the artefact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// [`Features::TokenVectors`] or [`Features::Embeddings`].
    pub features: Features,
    pub model: String,
    pub revision: String,
    pub dims: usize,
    /// Of the training rows' words.
    pub frequencies: Vec<(u64, f32)>,
}

/// Gives rows their vectors.
pub struct Reader {
    pub source: Source,
    columns: usize,
    encoder: Arc<Encoder>,
    settings: Settings,
    /// Of embeddings there are none.
    tokens: Option<(Arc<TokenVectors>, Arc<Frequencies>)>,
    idle: Mutex<Vec<Meanings>>,
}

impl Reader {
    /// For training on rows with so many columns, with the model of `options`;
    /// `None` where words are all that is wanted, or all that there is.
    ///
    /// # Errors
    /// Those of the model.
    pub fn for_training<'a>(
        features: Features,
        options: &AiOptions,
        columns: usize,
        texts: impl Iterator<Item = &'a str>,
    ) -> Result<Option<Self>> {
        if features == Features::Ngrams {
            return Ok(None);
        }
        let settings = &options.settings;
        let encoder = encoder(options, settings)?;
        let mut known: Vec<(u64, f32)> = match features {
            Features::TokenVectors => frequencies(texts).into_iter().collect(),
            _ => Vec::new(),
        };
        known.retain(|(_, share)| *share > RARE);
        known.sort_unstable_by_key(|(word, _)| *word);
        let source = Source {
            features,
            model: settings.model.clone(),
            revision: encoder.identity.revision.clone(),
            dims: encoder.dims,
            frequencies: known,
        };
        Self::open(source, options, settings, columns)
    }

    /// For a classifier that was trained with vectors from `source`.
    ///
    /// # Errors
    /// Those of the model, and where it is another than in training.
    pub fn for_prediction(
        source: &Source,
        options: &AiOptions,
        columns: usize,
    ) -> Result<Option<Self>> {
        let settings = Settings {
            model: source.model.clone(),
            ..options.settings.clone()
        };
        let encoder = encoder(options, &settings)?;
        if (&encoder.identity.revision, encoder.dims) != (&source.revision, source.dims) {
            return Err(Error::Setup(format!(
                "the model was trained on vectors of {} at revision {}, and here is revision {}; train it again",
                source.model, source.revision, encoder.identity.revision
            )));
        }
        Self::open(source.clone(), options, &settings, columns)
    }

    fn open(
        source: Source,
        options: &AiOptions,
        settings: &Settings,
        columns: usize,
    ) -> Result<Option<Self>> {
        let encoder = encoder(options, settings)?;
        let mut tokens = None;
        if source.features == Features::TokenVectors {
            let run = run(options, settings)?;
            let Some(vectors) = TokenVectors::of(&encoder, &run)? else {
                return Ok(None);
            };
            let frequencies = source.frequencies.iter().copied().collect();
            tokens = Some((Arc::new(vectors), Arc::new(frequencies)));
        }
        Ok(Some(Self {
            source,
            columns,
            encoder,
            settings: settings.clone(),
            tokens,
            idle: Mutex::default(),
        }))
    }

    /// Values of a block: the vector of one text.
    pub fn block(&self) -> usize {
        self.source.dims
    }

    /// Values of a row: two blocks, or one where there is one column.
    pub fn width(&self) -> usize {
        self.source.dims * self.columns.min(2)
    }

    /// Rows x width: unit vectors, zeros for what has no text.
    ///
    /// # Errors
    /// Those of the model.
    pub fn read(&self, rows: &[Columns<'_>], options: &AiOptions) -> Result<Vec<f32>> {
        let mut vectors = vec![0.0; rows.len() * self.width()];
        match &self.tokens {
            Some((tokens, frequencies)) => self.add_words(rows, tokens, frequencies, &mut vectors),
            None => self.embed(rows, options, &mut vectors)?,
        }
        Ok(vectors)
    }

    /// By all cores.
    fn add_words(
        &self,
        rows: &[Columns<'_>],
        tokens: &Arc<TokenVectors>,
        frequencies: &Arc<Frequencies>,
        out: &mut [f32],
    ) {
        let share = rows.len().div_ceil(cores()).clamp(1, ROWS);
        let shares = rows.chunks(share).zip(out.chunks_mut(share * self.width()));
        let idle = || self.idle.lock().unwrap_or_else(|dead| dead.into_inner());
        each_share(shares, |(rows, out)| {
            let taken = idle().pop();
            let mut meanings = taken.unwrap_or_else(|| {
                Meanings::new(
                    Arc::clone(tokens),
                    Arc::clone(&self.encoder),
                    Arc::clone(frequencies),
                )
            });
            let mut buffer = String::new();
            let vectors = out.chunks_exact_mut(self.width());
            for (row, vector) in rows.iter().zip(vectors) {
                self.add_row(row, &mut meanings, &mut buffer, vector);
            }
            idle().push(meanings);
        });
    }

    fn add_row(
        &self,
        row: &Columns<'_>,
        meanings: &mut Meanings,
        buffer: &mut String,
        out: &mut [f32],
    ) {
        let (first, all) = out.split_at_mut(self.block());
        for (column, text) in row.iter().enumerate() {
            let out = if column == 0 { &mut *first } else { &mut *all };
            each_counted(text.unwrap_or_default(), buffer, |word| {
                meanings.add(number(word), word, out);
            });
        }
        all.iter_mut().zip(&*first).for_each(|(a, f)| *a += f);
        normalize(first);
        normalize(all);
    }

    fn embed(&self, rows: &[Columns<'_>], options: &AiOptions, out: &mut [f32]) -> Result<()> {
        let run = run(options, &self.settings)?;
        let blocks = self.columns.min(2);
        // The columns of a row joined are read whole by nobody else.
        for (rows, out) in rows.chunks(ROWS).zip(out.chunks_mut(ROWS * self.width())) {
            let readings: Vec<Reading<'_>> = rows
                .iter()
                .flat_map(|row| {
                    let texts: Vec<&str> = row.iter().flatten().copied().collect();
                    let all = (!texts.is_empty()).then(|| texts.join(". ").into());
                    [row[0].map(Into::into), all].into_iter().take(blocks)
                })
                .collect();
            let vectors = self.encoder.encode(&readings, &run)?;
            for (at, out) in out.chunks_exact_mut(self.block()).enumerate() {
                if let Some(vector) = vectors.get(at) {
                    out.copy_from_slice(vector);
                }
            }
        }
        Ok(())
    }
}

/// The model of `settings`, loaded as part of the work of `options`.
fn encoder(options: &AiOptions, settings: &Settings) -> Result<Arc<Encoder>> {
    let runtime = &options.runtime;
    runtime.encoder_with_cancel(settings, &options.cancel)
}

/// A run with the model of `settings`, as part of the work of `options`.
fn run(options: &AiOptions, settings: &Settings) -> Result<Run> {
    Ok(Run::new(&options.runtime, settings)?.with_cancel(&options.cancel))
}
