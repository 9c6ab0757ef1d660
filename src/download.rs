//! Progress of model downloads from the hub.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use semql_udfs::models::hub::DownloadProgress;

/// Progress display of downloads: a bar on a terminal, else a line.
pub struct DownloadDisplay {
    quiet: bool,
    /// Number of Ctrl-C so far, and at the start of this file.
    presses: Arc<AtomicU64>,
    presses_at_start: AtomicU64,
    bar: Mutex<Option<ProgressBar>>,
}

impl DownloadDisplay {
    pub fn new(quiet: bool, presses: Arc<AtomicU64>) -> Self {
        Self {
            quiet,
            presses,
            presses_at_start: AtomicU64::new(0),
            bar: Mutex::default(),
        }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DownloadProgress for DownloadDisplay {
    fn start(&self, file: &str, total: Option<u64>) {
        self.presses_at_start
            .store(self.presses.load(Ordering::Relaxed), Ordering::Relaxed);
        if self.quiet {
            return;
        }
        if !std::io::stderr().is_terminal() {
            let size = total.map_or_else(String::new, |bytes| {
                format!(" ({})", indicatif::BinaryBytes(bytes))
            });
            let _ = writeln!(std::io::stderr(), "Downloading {file}{size}");
            return;
        }
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
        let template = match total {
            Some(_) => {
                "{msg} {bar:30} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left"
            }
            None => "{msg} {binary_bytes}, {binary_bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(file.to_string());
        *self.bar() = Some(bar);
    }

    fn advance(&self, bytes: u64) {
        if let Some(bar) = self.bar().as_ref() {
            bar.inc(bytes);
        }
    }

    fn finish(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    fn cancelled(&self) -> bool {
        self.presses.load(Ordering::Relaxed) != self.presses_at_start.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_cancels_the_current_file_only() {
        let presses = Arc::new(AtomicU64::new(0));
        let download = DownloadDisplay::new(true, Arc::clone(&presses));
        download.start("a", Some(10));
        assert!(!download.cancelled());
        presses.fetch_add(1, Ordering::Relaxed);
        assert!(download.cancelled());
        download.start("b", None);
        assert!(!download.cancelled());
    }
}
