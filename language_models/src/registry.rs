//! Language models by name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use semql_inference::sync::lock;
use semql_inference::{Error, Result};

use crate::model::LanguageModel;
use crate::options::EndpointOptions;

/// Language models of a process.
#[derive(Debug, Default)]
pub struct LanguageModelRegistry {
    models: Mutex<BTreeMap<String, Arc<LanguageModel>>>,
}

impl LanguageModelRegistry {
    /// Adds a language model; with `replace`, in place of the one of its name.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an existing name without `replace`; [`Error::Setup`] if the
    /// client cannot be created.
    pub fn put(&self, options: EndpointOptions, replace: bool) -> Result<()> {
        let mut models = lock(&self.models);
        if models.contains_key(&options.name) && !replace {
            return Err(Error::Invalid(format!(
                "there is already a language model called '{0}'; use CREATE OR REPLACE EXTERNAL MODEL {0} to replace it",
                options.name
            )));
        }
        let name = options.name.clone();
        models.insert(name, Arc::new(LanguageModel::new(options)?));
        Ok(())
    }

    /// The language model of that name.
    pub fn get(&self, name: &str) -> Option<Arc<LanguageModel>> {
        lock(&self.models).get(name).cloned()
    }

    /// Removes a language model. Returns whether it was there.
    pub fn remove(&self, name: &str) -> bool {
        lock(&self.models).remove(name).is_some()
    }

    /// All language models, by name.
    pub fn list(&self) -> Vec<Arc<LanguageModel>> {
        lock(&self.models).values().cloned().collect()
    }
}
