//! Attribute sets by name, and their compiled rules.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use semql_inference::sync::lock;
use semql_learning::extraction::rules::{AttributeSet, RuleExtractor};

use crate::error::{Error, Result};

/// Attribute sets of a process.
#[derive(Default)]
pub struct AttributeSets {
    sets: Mutex<BTreeMap<String, Arc<AttributeSet>>>,
    /// Rules of sets that were used.
    extractors: Mutex<HashMap<String, Arc<RuleExtractor>>>,
}

impl AttributeSets {
    /// Adds a set, or replaces the one of that name.
    pub fn set(&self, set: AttributeSet) {
        let name = set.name.clone();
        lock(&self.sets).insert(name.clone(), Arc::new(set));
        lock(&self.extractors).remove(&name);
    }

    /// All sets, by name.
    pub fn all(&self) -> Vec<Arc<AttributeSet>> {
        lock(&self.sets).values().cloned().collect()
    }

    /// The set of that name.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the existing names.
    pub fn get(&self, name: &str) -> Result<Arc<AttributeSet>> {
        let sets = lock(&self.sets);
        sets.get(name).cloned().ok_or_else(|| {
            let names: Vec<&str> = sets.keys().map(String::as_str).collect();
            Error::Invalid(format!(
                "there is no attribute set '{name}' (ai.attributes); there are {}. The data dictionary can define more",
                names.join(", ")
            ))
        })
    }

    /// The rules of the set of that name.
    ///
    /// # Errors
    /// Those of [`get`](Self::get); [`Error::Invalid`] for an invalid set.
    pub fn extractor(&self, name: &str) -> Result<Arc<RuleExtractor>> {
        let set = self.get(name)?;
        let mut extractors = lock(&self.extractors);
        if let Some(extractor) = extractors.get(name) {
            return Ok(Arc::clone(extractor));
        }
        let extractor = Arc::new(RuleExtractor::new(&set)?);
        extractors.insert(name.to_string(), Arc::clone(&extractor));
        Ok(extractor)
    }
}
