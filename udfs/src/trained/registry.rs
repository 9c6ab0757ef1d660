//! Where trained classifiers lie, and which are in memory.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::{Predictor, Shared, Trained, artefact};
use crate::error::{Error, Result};
use crate::models::home;

/// The classifiers of this machine; those that were asked for stay in memory.
#[derive(Default)]
pub struct Registry {
    loaded: Mutex<HashMap<String, (SystemTime, Shared)>>,
}

impl Registry {
    /// The classifier of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown name, [`Error::Setup`] for a file that
    /// cannot be used.
    pub fn get(&self, name: &str) -> Result<Shared> {
        let path = path(name)?;
        let Ok(changed) = path.metadata().and_then(|file| file.modified()) else {
            return Err(unknown(name));
        };
        let mut loaded = self.loaded.lock().unwrap_or_else(|dead| dead.into_inner());
        if let Some((then, trained)) = loaded.get(name)
            && *then == changed
        {
            return Ok(Arc::clone(trained));
        }
        let trained = Arc::new(Predictor::from(artefact::read(&path)?));
        loaded.insert(name.to_string(), (changed, Arc::clone(&trained)));
        Ok(trained)
    }

    /// Keeps a classifier in place of the one of its name.
    ///
    /// # Errors
    /// [`Error::Setup`] where it cannot be written; the old one is then intact.
    pub fn put(&self, trained: &Trained) -> Result<PathBuf> {
        let path = path(&trained.about.name)?;
        artefact::write(trained, &path)?;
        self.forget(&trained.about.name);
        Ok(path)
    }

    /// # Errors
    /// [`Error::Invalid`] for an unknown name, [`Error::Setup`] for a file that
    /// cannot be removed.
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

/// Whether there is a classifier of that name.
pub fn exists(name: &str) -> Result<bool> {
    Ok(path(name)?.is_file())
}

/// The names of all classifiers, in order.
pub fn names() -> Vec<String> {
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
            "'{name}' cannot be the name of a model: take letters, digits, '_', '-' and '.'"
        )));
    }
    Ok(folder().join(format!("{name}{SUFFIX}")))
}

fn unknown(name: &str) -> Error {
    let names = names();
    Error::Invalid(match names.as_slice() {
        [] => format!("there is no trained model called '{name}'; CREATE MODEL makes one"),
        names => format!(
            "there is no trained model called '{name}'; there are {}",
            names.join(", ")
        ),
    })
}
