//! Model of `CREATE MODEL`, of either kind.

use std::sync::Arc;

use crate::extraction::Extractor;
use crate::extraction::model::TrainedExtractor;
use crate::text_classifier::Predictor;
use semql_inference::{Error, Result};

/// Model of `CREATE MODEL`.
#[derive(Clone)]
pub enum TrainedModel {
    Classifier(Arc<Predictor>),
    Extractor(Arc<TrainedExtractor>),
}

impl TrainedModel {
    pub fn name(&self) -> &str {
        match self {
            Self::Classifier(classifier) => &classifier.metadata.name,
            Self::Extractor(extractor) => &extractor.metadata.name,
        }
    }

    /// `classifier` or `extractor`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Classifier(_) => "classifier",
            Self::Extractor(_) => "extractor",
        }
    }

    /// Text columns of its input, in order.
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Classifier(classifier) => &classifier.metadata.columns,
            Self::Extractor(extractor) => extractor.columns(),
        }
    }

    /// The model called `name` as a classifier.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an extractor, with the functions that take it.
    pub fn into_classifier(self, name: &str) -> Result<Arc<Predictor>> {
        match self {
            Self::Classifier(classifier) => Ok(classifier),
            Self::Extractor(extractor) => Err(Error::Invalid(format!(
                "the model '{name}' is an extractor of {}; use it in ai_extract, ai_extract_details or ai_predict",
                extractor.attributes().join(", ")
            ))),
        }
    }

    /// The model called `name` as an extractor.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a classifier, with the functions that take it.
    pub fn into_extractor(self, name: &str) -> Result<Arc<TrainedExtractor>> {
        match self {
            Self::Extractor(extractor) => Ok(extractor),
            Self::Classifier(classifier) => {
                let levels = classifier.metadata.levels.iter();
                let levels: Vec<&str> = levels.map(|level| level.column.as_str()).collect();
                Err(Error::Invalid(format!(
                    "the model '{name}' is a classifier of {}; use it in ai_predict or ai_predict_scores",
                    levels.join(", ")
                )))
            }
        }
    }
}
