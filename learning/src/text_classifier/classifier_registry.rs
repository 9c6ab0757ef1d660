//! Classifiers by name: their files, and those in memory.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::classifier::TextClassifier;
use super::model_file;
use super::predictor::Predictor;
use semql_inference::models::home;
use semql_inference::{Error, Result};

/// Classifiers of this machine. Used classifiers stay in memory.
#[derive(Default)]
pub struct ClassifierRegistry {
    loaded: Mutex<HashMap<String, (SystemTime, Arc<Predictor>)>>,
}

impl ClassifierRegistry {
    /// The classifier called `name`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown name, [`Error::Setup`] for an unusable file.
    pub fn get(&self, name: &str) -> Result<Arc<Predictor>> {
        let path = path(name)?;
        let Ok(modified) = path.metadata().and_then(|file| file.modified()) else {
            return Err(unknown(name));
        };
        let mut loaded = self.loaded.lock().unwrap_or_else(|dead| dead.into_inner());
        if let Some((modified_then, predictor)) = loaded.get(name)
            && *modified_then == modified
        {
            return Ok(Arc::clone(predictor));
        }
        let predictor = Arc::new(Predictor::from(model_file::read(&path)?));
        loaded.insert(name.to_string(), (modified, Arc::clone(&predictor)));
        Ok(predictor)
    }

    /// Stores a classifier, and replaces an existing one of its name.
    ///
    /// # Errors
    /// [`Error::Setup`] if it cannot be written. An existing one is then unchanged.
    pub fn put(&self, classifier: &TextClassifier) -> Result<PathBuf> {
        let path = path(&classifier.metadata.name)?;
        model_file::write(classifier, &path)?;
        self.forget(&classifier.metadata.name);
        Ok(path)
    }

    /// Removes the classifier called `name`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown name, [`Error::Setup`] if its file cannot be
    /// removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = path(name)?;
        if !path.is_file() {
            return Err(unknown(name));
        }
        std::fs::remove_file(&path)
            .map_err(|e| Error::Setup(format!("{} cannot be removed: {e}", path.display())))?;
        self.forget(name);
        Ok(())
    }

    fn forget(&self, name: &str) {
        let mut loaded = self.loaded.lock().unwrap_or_else(|dead| dead.into_inner());
        loaded.remove(name);
    }
}

/// Whether there is a classifier called `name`.
///
/// # Errors
/// [`Error::Invalid`] for an invalid name.
pub fn classifier_exists(name: &str) -> Result<bool> {
    Ok(path(name)?.is_file())
}

/// Names of all classifiers, sorted.
pub fn classifier_names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).into_iter().flatten().flatten();
    let mut names: Vec<String> = files
        .filter_map(|file| Some(file.file_name().to_str()?.strip_suffix(SUFFIX)?.to_string()))
        .collect();
    names.sort_unstable();
    names
}

const SUFFIX: &str = ".model";

fn folder() -> PathBuf {
    home().join("trained")
}

fn path(name: &str) -> Result<PathBuf> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(Error::Invalid(format!(
            "'{name}' is not a valid name of a model: use letters, digits, '_', '-' and '.'"
        )));
    }
    Ok(folder().join(format!("{name}{SUFFIX}")))
}

fn unknown(name: &str) -> Error {
    let names = classifier_names();
    Error::Invalid(match names.as_slice() {
        [] => format!("there is no trained model called '{name}'; CREATE MODEL makes one"),
        names => format!(
            "there is no trained model called '{name}'; there are {}",
            names.join(", ")
        ),
    })
}
