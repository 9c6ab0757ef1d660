//! A trained classifier with all that it takes to ask it.

use std::ops::Deref;
use std::sync::{Arc, Mutex};

use super::meaning::Reader;
use super::{Columns, Prediction, Trained};
use crate::error::Result;
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
            Some(reader) => reader.read(rows, &options.runtime)?,
            None => Vec::new(),
        };
        Ok(self.trained.predict(rows, &vectors))
    }

    fn reader(&self, options: &AiOptions) -> Result<Option<Arc<Reader>>> {
        let mut opened = self.reader.lock().unwrap_or_else(|dead| dead.into_inner());
        if let (None, Some(source)) = (&*opened, &self.trained.source) {
            let columns = self.trained.about.columns.len();
            let AiOptions {
                settings, runtime, ..
            } = options;
            let reader = Reader::for_prediction(source, runtime, settings, columns)?;
            *opened = reader.map(Arc::new);
        }
        Ok(opened.clone())
    }
}
