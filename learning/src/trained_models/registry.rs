//! Models by name: their files, and those in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::envelope::{self, CLASSIFIER_MAGIC, EXTRACTOR_MAGIC, MATCHER_MAGIC, ModelFile};
use super::model_folder::{model_names, model_path};
use super::trained_model::TrainedModel;
use crate::extraction::model::TrainedExtractor;
use crate::matching::TrainedMatcher;
use crate::text_classifier::{Predictor, TextClassifier};
use semql_inference::sync::lock;
use semql_inference::{Error, Result};

/// Models of `CREATE MODEL` on this machine. Used models stay in memory.
#[derive(Default)]
pub struct TrainedModelRegistry {
    loaded: Mutex<HashMap<String, (SystemTime, TrainedModel)>>,
}

impl TrainedModelRegistry {
    /// The model called `name`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown name, [`Error::Setup`] for an unusable file.
    pub fn get(&self, name: &str) -> Result<TrainedModel> {
        let path = model_path(name)?;
        let Ok(modified) = path.metadata().and_then(|file| file.modified()) else {
            return Err(unknown(name));
        };
        let mut loaded = lock(&self.loaded);
        if let Some((modified_then, model)) = loaded.get(name)
            && *modified_then == modified
        {
            return Ok(model.clone());
        }
        let model = envelope::read(&path)?;
        loaded.insert(name.to_string(), (modified, model.clone()));
        Ok(model)
    }

    /// The classifier called `name`.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); [`Error::Invalid`] for another kind.
    pub fn classifier(&self, name: &str) -> Result<Arc<Predictor>> {
        self.get(name)?.into_classifier(name)
    }

    /// The extractor called `name`.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); [`Error::Invalid`] for another kind.
    pub fn extractor(&self, name: &str) -> Result<Arc<TrainedExtractor>> {
        self.get(name)?.into_extractor(name)
    }

    /// The matcher called `name`.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); [`Error::Invalid`] for another kind.
    pub fn matcher(&self, name: &str) -> Result<Arc<TrainedMatcher>> {
        self.get(name)?.into_matcher(name)
    }

    /// Stores a classifier, and replaces an existing model of its name.
    ///
    /// # Errors
    /// [`Error::Setup`] if it cannot be written. An existing model is then unchanged.
    pub fn put_classifier(&self, classifier: &TextClassifier) -> Result<ModelFile> {
        let name = &classifier.metadata.name;
        self.put(name, CLASSIFIER_MAGIC, &classifier.to_bytes()?)
    }

    /// Stores an extractor, and replaces an existing model of its name.
    ///
    /// # Errors
    /// [`Error::Setup`] if it cannot be written. An existing model is then unchanged.
    pub fn put_extractor(&self, extractor: &TrainedExtractor) -> Result<ModelFile> {
        let name = &extractor.metadata.name;
        self.put(name, EXTRACTOR_MAGIC, &extractor.to_bytes())
    }

    /// Stores a matcher, and replaces an existing model of its name.
    ///
    /// # Errors
    /// [`Error::Setup`] if it cannot be written. An existing model is then unchanged.
    pub fn put_matcher(&self, matcher: &TrainedMatcher) -> Result<ModelFile> {
        let name = &matcher.metadata.name;
        self.put(name, MATCHER_MAGIC, &matcher.to_bytes())
    }

    fn put(&self, name: &str, magic: &[u8; 16], body: &[u8]) -> Result<ModelFile> {
        let path = model_path(name)?;
        let file = envelope::write(&path, magic, body)?;
        lock(&self.loaded).remove(name);
        Ok(file)
    }

    /// Removes the model called `name`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown name, [`Error::Setup`] if its file cannot be
    /// removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = model_path(name)?;
        if !path.is_file() {
            return Err(unknown(name));
        }
        std::fs::remove_file(&path)
            .map_err(|e| Error::Setup(format!("{} cannot be removed: {e}", path.display())))?;
        lock(&self.loaded).remove(name);
        Ok(())
    }
}

fn unknown(name: &str) -> Error {
    let names = model_names();
    Error::Invalid(match names.as_slice() {
        [] => format!("there is no trained model called '{name}'; CREATE MODEL makes one"),
        names => format!(
            "there is no trained model called '{name}'; there are {}",
            names.join(", ")
        ),
    })
}
