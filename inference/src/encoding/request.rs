//! Requests: distinct texts with cached vectors, and the others as tokens.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::cache::Key;
use crate::models::Tokenized;
use crate::progress::QueuedTexts;

/// A text for the model; `None` for NULL and blank texts.
pub type ModelInput<'a> = Option<Cow<'a, str>>;

/// A prepared request: tokenized, and with the vectors of the caches.
pub struct EncodeRequest {
    pub(super) vectors: Vectors,
    pub(super) keys: Vec<Key>,
    /// The distinct texts without a cached vector.
    pub(super) pending: Vec<PendingText>,
    pub(super) queued: QueuedTexts,
}

/// A text without a cached vector.
pub(super) struct PendingText {
    /// Position among the distinct texts.
    pub text: usize,
    /// `None` if the tokenizer failed.
    pub tokens: Option<Tokenized>,
}

impl EncodeRequest {
    /// Size in bytes.
    pub fn size(&self) -> usize {
        let tokens = |pending: &PendingText| pending.tokens.as_ref().map_or(0, |t| t.ids.len() * 4);
        self.vectors.data.len() * 4
            + self.vectors.rows.len() * 8
            + self.keys.len() * std::mem::size_of::<Key>()
            + self.pending.iter().map(tokens).sum::<usize>()
    }
}

/// One vector for each text of a request; equal texts share one.
pub struct Vectors {
    pub dims: usize,
    pub(super) data: Vec<f32>,
    /// Per text, the row of `data`; `None` without a text.
    pub(super) rows: Vec<Option<u32>>,
    /// Per row, whether it has a valid vector.
    pub(super) valid: Vec<bool>,
}

impl Vectors {
    /// The unit vector of text number `text`; `None` without a text, or if the model
    /// failed.
    pub fn get(&self, text: usize) -> Option<&[f32]> {
        let row = self.rows[text]? as usize;
        self.valid[row].then(|| self.row(row))
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.dims..(row + 1) * self.dims]
    }

    /// Stores the vector of a row; returns whether all its numbers are finite.
    pub(super) fn set(&mut self, row: usize, vector: &[f32]) -> bool {
        self.data[row * self.dims..(row + 1) * self.dims].copy_from_slice(vector);
        self.valid[row] = vector.iter().all(|v| v.is_finite());
        self.valid[row]
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Distinct texts with their keys, and the position of each text among them.
pub(super) struct Distinct<'a> {
    pub texts: Vec<&'a str>,
    pub keys: Vec<Key>,
    pub rows: Vec<Option<u32>>,
}

/// Removes duplicates.
pub(super) fn distinct<'a>(texts: &'a [ModelInput<'a>]) -> Distinct<'a> {
    let mut known: HashMap<Key, u32> = HashMap::with_capacity(texts.len());
    let mut distinct = Distinct {
        texts: Vec::new(),
        keys: Vec::new(),
        rows: Vec::with_capacity(texts.len()),
    };
    for text in texts {
        let row = text.as_deref().map(|text| {
            let key = Key::of(text);
            match known.entry(key) {
                Entry::Occupied(row) => *row.get(),
                Entry::Vacant(new) => {
                    distinct.texts.push(text);
                    distinct.keys.push(key);
                    *new.insert(distinct.texts.len() as u32 - 1)
                }
            }
        });
        distinct.rows.push(row);
    }
    distinct
}
