//! A line on the terminal that says how far long work is.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Shows a count that grows, until it is dropped.
pub struct Counting {
    line: fn(usize) -> String,
    shown: AtomicUsize,
}

impl Counting {
    /// `line` words the count.
    pub fn new(line: fn(usize) -> String) -> Self {
        Self {
            line,
            shown: AtomicUsize::new(0),
        }
    }

    pub fn show(&self, done: usize) {
        if done > self.shown.fetch_max(done, Relaxed) && std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr(), "\r\x1b[K{}", (self.line)(done));
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        if self.shown.load(Relaxed) > 0 && std::io::stderr().is_terminal() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
