//! What people should know of inference, each thing once.

use semql_udfs::Runtime;

/// What was said already.
#[derive(Default)]
pub struct Seen {
    device: bool,
    truncated: u64,
    failed: u64,
}

impl Seen {
    /// What is new since the last time: which device ran, what became of texts
    /// that did not fit, and what fast mode, indexes and caches have to say.
    pub fn news(&mut self, ai: &Runtime) -> Vec<String> {
        let mut news = Vec::new();
        if !self.device
            && let Some(device) = ai.device()
        {
            self.device = true;
            news.push(format!("Inference ran on {device}."));
        }
        let now = ai.progress();
        let truncated = now.truncated.saturating_sub(self.truncated);
        let failed = now.failed.saturating_sub(self.failed);
        self.truncated = now.truncated;
        self.failed = now.failed;
        if truncated > 0 {
            news.push(format!(
                "{} cut at the model's limit of tokens.",
                texts(truncated)
            ));
        }
        news.extend(ai.take_notes());
        if failed > 0 {
            news.push(format!(
                "{} failed in the model; the answer is NULL there (SET ai.on_error = 'fail' stops instead).",
                texts(failed)
            ));
        }
        news
    }
}

fn texts(count: u64) -> String {
    if count == 1 {
        "1 text was".to_string()
    } else {
        format!("{count} texts were")
    }
}
