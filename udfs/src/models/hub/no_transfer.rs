//! What stands for a transfer in a build without the feature `hub`. Nobody gets
//! here: such a hub is [`closed`](super::Hub::closed).

use std::path::Path;

use super::{DownloadProgress, ModelError};

#[expect(dead_code, reason = "nothing is transferred")]
pub(super) enum Transferred {
    Whole,
    Absent,
}

pub(super) struct Transfer;

impl Transfer {
    pub(super) fn new(_endpoint: &str, _token: Option<&str>, _max_bytes: u64) -> Self {
        Self
    }

    pub(super) fn text(&self, url: &str) -> Result<String, ModelError> {
        Err(refused(url))
    }

    pub(super) fn file(
        &self,
        url: &str,
        _name: &str,
        _target: &Path,
        _progress: &dyn DownloadProgress,
    ) -> Result<Transferred, ModelError> {
        Err(refused(url))
    }
}

fn refused(url: &str) -> ModelError {
    ModelError::Download {
        url: url.to_string(),
        reason: "this program was built without downloads".to_string(),
        hint: "build it with the feature `hub` of semql-udfs".to_string(),
    }
}
