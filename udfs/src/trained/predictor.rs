//! A trained classifier with all that it takes to ask it.

use std::ops::Deref;
use std::sync::Arc;

use parking_lot::Mutex;

use super::meaning::Reader;
use super::{Columns, Prediction, Trained};
use crate::error::{Error, Result};
use crate::options::AiOptions;

/// Opens what gives rows their vectors when the first row comes.
pub struct Predictor {
    trained: Trained,
    reader: Mutex<Option<Arc<Reader>>>,
}

impl From<Trained> for Predictor {
    fn from(trained: Trained) -> Self {
        Self {
            trained,
            reader: Mutex::default(),
        }
    }
}

impl Deref for Predictor {
    type Target = Trained;

    fn deref(&self) -> &Trained {
        &self.trained
    }
}

impl Predictor {
    /// The predictions for rows; `None` for a row that has no text at all.
    ///
    /// # Errors
    /// Those of the encoder that gives rows their vectors.
    pub fn answer(
        &self,
        rows: &[Columns<'_>],
        options: &AiOptions,
    ) -> Result<Vec<Option<Prediction>>> {
        let vectors = match self.reader(options)? {
            Some(reader) => reader.read(rows, options)?,
            None => Vec::new(),
        };
        // The encoder of a damaged model file may give no vectors.
        if vectors.len() != rows.len() * self.trained.space.width {
            return Err(Error::Setup(format!(
                "the encoder gives other vectors than the model {} was trained on; train it again with \
                 CREATE OR REPLACE MODEL",
                self.trained.about.name
            )));
        }
        Ok(self.trained.predict(rows, &vectors))
    }

    fn reader(&self, options: &AiOptions) -> Result<Option<Arc<Reader>>> {
        let mut opened = options.cancellation().lock(&self.reader)?;
        if let (None, Some(source)) = (&*opened, &self.trained.source) {
            let columns = self.trained.about.columns.len();
            let reader = Reader::for_prediction(source, options, columns)?;
            *opened = reader.map(Arc::new);
        }
        Ok(opened.clone())
    }
}
