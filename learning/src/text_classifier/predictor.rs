//! Classifier with the source of its vectors.

use std::ops::Deref;
use std::sync::Arc;

use parking_lot::Mutex;

use super::classifier::{Prediction, TextClassifier};
use super::ngrams::RowTexts;
use super::row_vectors::RowVectorizer;
use semql_inference::InferenceContext;
use semql_inference::{Error, Result};

/// Classifier that computes the vectors of rows. It opens the encoder for the first
/// rows.
pub struct Predictor {
    classifier: TextClassifier,
    vectorizer: Mutex<Option<Arc<RowVectorizer>>>,
}

impl From<TextClassifier> for Predictor {
    fn from(classifier: TextClassifier) -> Self {
        Self {
            classifier,
            vectorizer: Mutex::default(),
        }
    }
}

impl Deref for Predictor {
    type Target = TextClassifier;

    fn deref(&self) -> &TextClassifier {
        &self.classifier
    }
}

impl Predictor {
    /// Predictions for rows of texts; `None` for a row without text.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn predict_texts(
        &self,
        rows: &[RowTexts<'_>],
        context: &InferenceContext,
    ) -> Result<Vec<Option<Prediction>>> {
        let vectors = match self.vectorizer(context)? {
            Some(vectorizer) => vectorizer.vectors(rows, context)?,
            None => Vec::new(),
        };
        // The source in a forged model file can differ from the widths.
        if vectors.len() != rows.len() * self.classifier.adapter.width {
            return Err(Error::Setup(format!(
                "the vectors of the encoder do not fit the model {}; train it again with CREATE OR REPLACE MODEL",
                self.classifier.metadata.name
            )));
        }
        Ok(self.classifier.predict(rows, &vectors))
    }

    fn vectorizer(&self, context: &InferenceContext) -> Result<Option<Arc<RowVectorizer>>> {
        let mut opened = context.cancellation().lock(&self.vectorizer)?;
        if let (None, Some(source)) = (&*opened, &self.classifier.source) {
            let columns = self.classifier.metadata.columns.len();
            let vectorizer = RowVectorizer::for_prediction(source, context, columns)?;
            *opened = vectorizer.map(Arc::new);
        }
        Ok(opened.clone())
    }
}
