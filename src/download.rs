//! What is shown while a model comes from the hub.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use semql_udfs::models::hub::DownloadProgress;

/// A bar on a terminal, a line elsewhere.
pub struct Download {
    quiet: bool,
    /// How often Ctrl-C was pressed, and how often before this file.
    presses: Arc<AtomicU64>,
    before: AtomicU64,
    bar: Mutex<Option<ProgressBar>>,
}

impl Download {
    pub fn new(quiet: bool, presses: Arc<AtomicU64>) -> Self {
        Self {
            quiet,
            presses,
            before: AtomicU64::new(0),
            bar: Mutex::default(),
        }
    }

    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DownloadProgress for Download {
    fn start(&self, file: &str, total: Option<u64>) {
        self.before
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
        self.presses.load(Ordering::Relaxed) != self.before.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ctrl_c_cancels_the_file_under_way_and_not_the_next() {
        let presses = Arc::new(AtomicU64::new(0));
        let download = Download::new(true, Arc::clone(&presses));
        download.start("a", Some(10));
        assert!(!download.cancelled());
        presses.fetch_add(1, Ordering::Relaxed);
        assert!(download.cancelled());
        download.start("b", None);
        assert!(!download.cancelled());
    }
}
