//! Caches of the answers of language models, by the setting `ai.cache`.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use semql_inference::cache::CacheSetting;
use semql_inference::sync::lock;
use semql_language_models::AnswerCache;

use crate::error::Result;

/// Caches of a process.
#[derive(Default)]
pub struct AnswerCaches {
    memory: Mutex<Option<Arc<AnswerCache>>>,
    folders: Mutex<HashMap<PathBuf, Arc<AnswerCache>>>,
}

impl AnswerCaches {
    /// The cache of a setting; `None` if it is off.
    ///
    /// # Errors
    /// A folder that cannot be used.
    pub fn get(&self, setting: &CacheSetting) -> Result<Option<Arc<AnswerCache>>> {
        Ok(match setting {
            CacheSetting::Off => None,
            CacheSetting::Memory => {
                let mut memory = lock(&self.memory);
                let cache = memory.get_or_insert_with(|| Arc::new(AnswerCache::in_memory()));
                Some(Arc::clone(cache))
            }
            CacheSetting::Folder(folder) => {
                let mut folders = lock(&self.folders);
                if let Some(cache) = folders.get(folder) {
                    return Ok(Some(Arc::clone(cache)));
                }
                let cache = Arc::new(AnswerCache::in_folder(folder)?);
                folders.insert(folder.clone(), Arc::clone(&cache));
                Some(cache)
            }
        })
    }
}
