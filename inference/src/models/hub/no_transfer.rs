//! Replacement of the downloads in a build without the feature `hub`. It is not
//! reached: such a hub has an
//! [`unavailable_reason`](super::Hub::unavailable_reason).

use std::path::Path;

use super::{DownloadProgress, ModelError};

#[expect(dead_code, reason = "nothing is transferred")]
pub(super) enum Transferred {
    Complete,
    Absent,
}

pub(super) struct Transfer;

impl Transfer {
    pub(super) fn new(_endpoint: &str, _token: Option<&str>, _max_bytes: u64) -> Self {
        Self
    }

    pub(super) fn text(&self, url: &str) -> Result<String, ModelError> {
        Err(unavailable(url))
    }

    pub(super) fn file(
        &self,
        url: &str,
        _name: &str,
        _target: &Path,
        _progress: &dyn DownloadProgress,
    ) -> Result<Transferred, ModelError> {
        Err(unavailable(url))
    }
}

fn unavailable(url: &str) -> ModelError {
    ModelError::Download {
        url: url.to_string(),
        reason: "this program was built without downloads".to_string(),
        hint: "build it with the feature `hub` of semql-udfs".to_string(),
    }
}
