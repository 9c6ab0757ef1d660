//! Observer of statements that prints progress and notices on standard error.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::physical_plan::ExecutionPlan;
use semql_udfs::Runtime;

use crate::output::progress::ProgressLine;
use crate::statement::{CountedWork, StatementObserver};

/// Prints progress on a terminal, and notices unless it is quiet.
pub struct TerminalObserver {
    inference: Arc<Runtime>,
    progress: bool,
    quiet: AtomicBool,
    line: Mutex<Option<ProgressLine>>,
    /// Count on the terminal; 0 if there is none.
    count: AtomicUsize,
}

impl TerminalObserver {
    /// Observer of the statements that run with `inference`; `progress` shows their
    /// progress.
    pub fn new(inference: Arc<Runtime>, progress: bool) -> Self {
        Self {
            inference,
            progress: progress && std::io::stderr().is_terminal(),
            quiet: AtomicBool::new(false),
            line: Mutex::default(),
            count: AtomicUsize::new(0),
        }
    }

    /// Turns notices off or on.
    pub fn set_quiet(&self, quiet: bool) {
        self.quiet.store(quiet, Relaxed);
    }

    pub fn is_quiet(&self) -> bool {
        self.quiet.load(Relaxed)
    }

    fn line(&self) -> MutexGuard<'_, Option<ProgressLine>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StatementObserver for TerminalObserver {
    fn plan_started(&self, plan: &Arc<dyn ExecutionPlan>) {
        if self.progress {
            let line = ProgressLine::start(Arc::clone(&self.inference), Arc::clone(plan));
            *self.line() = Some(line);
        }
    }

    fn work_counted(&self, work: CountedWork, done: usize) {
        if !self.progress || done <= self.count.fetch_max(done, Relaxed) {
            return;
        }
        let text = match work {
            CountedWork::IndexedVectors => format!("indexing: {done} vectors"),
            CountedWork::LabelBoundaries => {
                format!("training: {done} boundaries between labels found")
            }
            CountedWork::TrainingSteps => format!("training: {done} steps"),
        };
        let _ = write!(std::io::stderr(), "\r\x1b[K{text}");
    }

    fn progress_ended(&self) {
        let line = self.line().take();
        drop(line);
        if self.count.swap(0, Relaxed) > 0 {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }

    fn notice(&self, text: &str) {
        if !self.is_quiet() && !text.is_empty() {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }
}
