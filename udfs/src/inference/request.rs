//! The texts of one request: each distinct one once, those whose vector is
//! known set aside, the others as tokens.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::cache::Key;
use crate::models::Tokenized;
use crate::progress::Queued;

/// A text for the model to read; `None` where there is nothing to read.
pub type Reading<'a> = Option<Cow<'a, str>>;

/// Texts that are ready for the model.
pub struct Request {
    pub(super) vectors: Vectors,
    pub(super) keys: Vec<Key>,
    /// The distinct texts that the model has to read.
    pub(super) unread: Vec<Unread>,
    pub(super) queued: Queued,
}

/// A text that the model has to read.
pub(super) struct Unread {
    /// Which of the distinct texts it is.
    pub text: usize,
    /// `None` where the tokenizer failed on it.
    pub tokens: Option<Tokenized>,
}

impl Request {
    /// Bytes that the request holds.
    pub fn size(&self) -> usize {
        let tokens = |unread: &Unread| unread.tokens.as_ref().map_or(0, |t| t.ids.len() * 4);
        self.vectors.data.len() * 4
            + self.vectors.rows.len() * 8
            + self.keys.len() * std::mem::size_of::<Key>()
            + self.unread.iter().map(tokens).sum::<usize>()
    }
}

/// One vector for each text of a request; equal texts share theirs.
pub struct Vectors {
    pub dims: usize,
    pub(super) data: Vec<f32>,
    /// Per text, the row of `data`; `None` where there was no text.
    pub(super) rows: Vec<Option<u32>>,
    /// Per row, whether there is an answer.
    pub(super) answered: Vec<bool>,
}

impl Vectors {
    /// The unit vector of text number `text`; `None` for no text, or where the
    /// model failed on it.
    pub fn get(&self, text: usize) -> Option<&[f32]> {
        let row = self.rows[text]? as usize;
        self.answered[row].then(|| self.row(row))
    }

    pub(super) fn row(&self, row: usize) -> &[f32] {
        &self.data[row * self.dims..(row + 1) * self.dims]
    }

    /// Takes the vector of a row; one with NaN in it is no answer.
    pub(super) fn set(&mut self, row: usize, vector: &[f32]) -> bool {
        self.data[row * self.dims..(row + 1) * self.dims].copy_from_slice(vector);
        self.answered[row] = vector.iter().all(|v| v.is_finite());
        self.answered[row]
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// The distinct texts with their keys, and for each text which of them it is.
pub(super) struct Distinct<'a> {
    pub texts: Vec<&'a str>,
    pub keys: Vec<Key>,
    pub rows: Vec<Option<u32>>,
}

pub(super) fn distinct<'a>(texts: &'a [Reading<'a>]) -> Distinct<'a> {
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
