//! Cache of answers: in memory, and in a folder that processes share.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::Mutex;

use semql_inference::sync::lock;
use semql_inference::{Error, Result};

use crate::answer_cache_key::AnswerKey;
#[cfg(feature = "disk-cache")]
use crate::disk_answers::DiskAnswers;
use crate::task::TaskAnswer;

/// Bytes of the answers in memory.
const MAX_BYTES: usize = 64 << 20;

/// Bytes of an entry besides its text.
const ENTRY_BYTES: usize = 128;

/// Answers of earlier calls.
#[derive(Debug, Default)]
pub struct AnswerCache {
    memory: Mutex<MemoryAnswers>,
    #[cfg(feature = "disk-cache")]
    disk: Option<DiskAnswers>,
}

impl AnswerCache {
    /// A cache in memory, whose oldest answers give way to new ones.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// A cache in the file `answers.sqlite` of a folder.
    ///
    /// # Errors
    /// [`Error::Setup`] for a folder that cannot be used.
    #[cfg(feature = "disk-cache")]
    pub fn in_folder(folder: &Path) -> Result<Self> {
        let disk = DiskAnswers::open(folder).map_err(|why| {
            Error::Setup(format!(
                "the answers of language models cannot be kept in {}: {why}; SET ai.cache to another folder, 'memory' or 'off'",
                folder.display()
            ))
        })?;
        Ok(Self {
            disk: Some(disk),
            ..Self::default()
        })
    }

    /// # Errors
    /// Always: this build has no cache on disk.
    #[cfg(not(feature = "disk-cache"))]
    pub fn in_folder(folder: &Path) -> Result<Self> {
        Err(Error::Setup(format!(
            "this build keeps no answers in {}: SET ai.cache to 'memory' or 'off'",
            folder.display()
        )))
    }

    pub(crate) fn get(&self, key: &AnswerKey) -> Option<TaskAnswer> {
        let text = lock(&self.memory).texts.get(key).cloned();
        #[cfg(feature = "disk-cache")]
        let text = text.or_else(|| self.disk.as_ref()?.get(key));
        serde_json::from_str(&text?).ok()
    }

    pub(crate) fn put(&self, key: &AnswerKey, answer: &TaskAnswer) {
        let Ok(text) = serde_json::to_string(answer) else {
            return;
        };
        #[cfg(feature = "disk-cache")]
        if let Some(disk) = &self.disk {
            disk.put(key, &text);
        }
        lock(&self.memory).put(*key, text);
    }
}

#[derive(Debug, Default)]
struct MemoryAnswers {
    texts: HashMap<AnswerKey, String>,
    /// Keys, the oldest first.
    order: VecDeque<AnswerKey>,
    bytes: usize,
}

impl MemoryAnswers {
    fn put(&mut self, key: AnswerKey, text: String) {
        let size = |text: &str| text.len() + ENTRY_BYTES;
        self.bytes += size(&text);
        match self.texts.insert(key, text) {
            Some(before) => self.bytes -= size(&before),
            None => self.order.push_back(key),
        }
        while self.bytes > MAX_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                return;
            };
            if let Some(text) = self.texts.remove(&oldest) {
                self.bytes -= size(&text);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded() {
        let cache = AnswerCache::in_memory();
        let answer = TaskAnswer::Text("a".repeat(1 << 20));
        for at in 0..100 {
            cache.put(&[at; 32], &answer);
            cache.put(&[at; 32], &answer);
        }
        assert!(lock(&cache.memory).bytes <= MAX_BYTES);
        assert_eq!(cache.get(&[99; 32]), Some(answer));
        assert_eq!(cache.get(&[0; 32]), None);
    }
}
