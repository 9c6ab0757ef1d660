//! Model of `CREATE MODEL`, of any kind.

use std::sync::Arc;

use crate::extraction::Extractor;
use crate::extraction::model::TrainedExtractor;
use crate::matching::TrainedMatcher;
use crate::text_classifier::Predictor;
use semql_inference::{Error, Result};

/// Model of `CREATE MODEL`.
#[derive(Clone)]
pub enum TrainedModel {
    Classifier(Arc<Predictor>),
    Extractor(Arc<TrainedExtractor>),
    Matcher(Arc<TrainedMatcher>),
}

impl TrainedModel {
    pub fn name(&self) -> &str {
        match self {
            Self::Classifier(classifier) => &classifier.metadata.name,
            Self::Extractor(extractor) => &extractor.metadata.name,
            Self::Matcher(matcher) => &matcher.metadata.name,
        }
    }

    /// `classifier`, `extractor` or `matcher`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Classifier(_) => "classifier",
            Self::Extractor(_) => "extractor",
            Self::Matcher(_) => "matcher",
        }
    }

    /// Text columns of its input, in order.
    pub fn columns(&self) -> &[String] {
        match self {
            Self::Classifier(classifier) => &classifier.metadata.columns,
            Self::Extractor(extractor) => extractor.columns(),
            Self::Matcher(matcher) => &matcher.metadata.columns,
        }
    }

    /// The model called `name` as a classifier.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another kind, with the functions that take it.
    pub fn into_classifier(self, name: &str) -> Result<Arc<Predictor>> {
        match self {
            Self::Classifier(classifier) => Ok(classifier),
            other => Err(other.of_another_kind(name)),
        }
    }

    /// The model called `name` as an extractor.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another kind, with the functions that take it.
    pub fn into_extractor(self, name: &str) -> Result<Arc<TrainedExtractor>> {
        match self {
            Self::Extractor(extractor) => Ok(extractor),
            other => Err(other.of_another_kind(name)),
        }
    }

    /// The model called `name` as a matcher.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another kind, with the functions that take it.
    pub fn into_matcher(self, name: &str) -> Result<Arc<TrainedMatcher>> {
        match self {
            Self::Matcher(matcher) => Ok(matcher),
            other => Err(other.of_another_kind(name)),
        }
    }

    /// The error of a function that takes models of another kind.
    pub fn of_another_kind(&self, name: &str) -> Error {
        let use_it_in = match self {
            Self::Classifier(classifier) => {
                let levels = classifier.metadata.levels.iter();
                let levels: Vec<&str> = levels.map(|level| level.column.as_str()).collect();
                format!(
                    "is a classifier of {}; use it in ai_predict or ai_predict_scores",
                    levels.join(", ")
                )
            }
            Self::Extractor(extractor) => format!(
                "is an extractor of {}; use it in ai_extract, ai_extract_details or ai_predict",
                extractor.attributes().join(", ")
            ),
            Self::Matcher(_) => {
                format!("is a matcher; use it in resolve(table, model => '{name}')")
            }
        };
        Error::Invalid(format!("the model '{name}' {use_it_in}"))
    }
}
