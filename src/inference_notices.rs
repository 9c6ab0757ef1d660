//! Notices about inference, each reported once.

use semql_udfs::Runtime;

/// State of the notices that were reported.
#[derive(Default)]
pub struct InferenceNotices {
    device_reported: bool,
    truncated: u64,
    failed: u64,
}

impl InferenceNotices {
    /// Returns the notices since the last call: the device, truncated and failed
    /// texts, and notes of fast mode, indexes and caches.
    pub fn take(&mut self, ai: &Runtime) -> Vec<String> {
        let mut notices = Vec::new();
        if !self.device_reported
            && let Some(device) = ai.device()
        {
            self.device_reported = true;
            notices.push(format!("Inference ran on {device}."));
        }
        let now = ai.progress();
        let truncated = now.truncated.saturating_sub(self.truncated);
        let failed = now.failed.saturating_sub(self.failed);
        self.truncated = now.truncated;
        self.failed = now.failed;
        if truncated > 0 {
            let were = if truncated == 1 { "was" } else { "were" };
            notices.push(format!(
                "{} {were} cut at the model's limit of tokens.",
                texts(truncated)
            ));
        }
        notices.extend(ai.take_notices());
        if failed > 0 {
            notices.push(format!(
                "{} failed in the model; the answer is NULL there (SET ai.on_error = 'fail' stops instead).",
                texts(failed)
            ));
        }
        notices
    }
}

fn texts(count: u64) -> String {
    match count {
        1 => "1 text".to_string(),
        _ => format!("{count} texts"),
    }
}
