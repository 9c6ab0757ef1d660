//! A partition's part in the sample of the languages of a query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use semql_inference::encoding::Encoder;
use semql_inference::models::catalogue::Languages;

use crate::functions::BatchArguments;
use crate::language_sample::LanguageSample;
use crate::runtime::Runtime;

/// Adds the rows of a partition to the sample of its query.
pub struct PartitionLanguages {
    runtime: Arc<Runtime>,
    sample: LanguageSample,
    has_ended: AtomicBool,
}

impl PartitionLanguages {
    pub fn new(runtime: &Arc<Runtime>, sample: LanguageSample) -> Self {
        sample.enter();
        Self {
            runtime: Arc::clone(runtime),
            sample,
            has_ended: AtomicBool::new(false),
        }
    }

    /// Adds the rows of a call, if its model is an English one.
    pub fn add(&self, encoder: &Encoder, call: &BatchArguments) {
        let languages = encoder.spec.as_ref().and_then(|spec| spec.languages);
        if languages == Some(Languages::English) {
            self.sample.add(&encoder.identity.name, call.row_texts());
        }
    }

    /// Ends the partition; the last one of the query reports.
    pub fn end(&self) {
        if !self.has_ended.swap(true, Relaxed)
            && let Some(notice) = self.sample.leave()
        {
            self.runtime.add_notice(notice);
        }
    }
}

impl Drop for PartitionLanguages {
    fn drop(&mut self) {
        self.end();
    }
}
