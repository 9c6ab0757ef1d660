//! State of the shell: the session, its variables and its output options.

use std::sync::Arc;

use super::report::print_line;
use crate::error::Result;
use crate::interrupt::Interrupts;
use crate::output::Style;
use crate::output::sink::Sink;
use crate::result_buffer::LastResult;
use crate::script::Variables;
use crate::session::Session;
use crate::statement::{StatementObserver, StatementRunner};
use crate::terminal_observer::TerminalObserver;

/// Session with its variables, output options and last result.
pub struct Shell {
    pub session: Arc<Session>,
    pub variables: Variables,
    pub style: Style,
    pub sink: Sink,
    pub timing: bool,
    pub quiet: bool,
    /// Whether statements come from a prompt.
    pub interactive: bool,
    pub last_result: LastResult,
    /// The last statement that ran, or the open one before `\g`.
    pub statement: Option<String>,
    /// Whether the command after that statement has still to run it.
    pub statement_pending: bool,
    /// Inputs of the prompt, the oldest first.
    pub history: Vec<String>,
    pub interrupts: Interrupts,
    pub(super) observer: Arc<TerminalObserver>,
    runner: StatementRunner,
}

impl Shell {
    /// Shell with default options; `progress` shows the progress of statements.
    pub fn new(
        session: Session,
        style: Style,
        sink: Sink,
        interrupts: Interrupts,
        progress: bool,
    ) -> Self {
        let session = Arc::new(session);
        let observer = Arc::new(TerminalObserver::new(Arc::clone(&session.ai), progress));
        let runner =
            StatementRunner::new(Arc::clone(&session), interrupts.token(), observer.clone());
        Self {
            session,
            variables: Variables::default(),
            style,
            sink,
            timing: false,
            quiet: false,
            interactive: false,
            last_result: LastResult::default(),
            statement: None,
            statement_pending: false,
            history: Vec::new(),
            interrupts,
            observer,
            runner,
        }
    }

    /// Prints a line on standard error, unless the shell is quiet.
    pub fn print_notice(&self, line: &str) {
        if !self.quiet && !line.is_empty() {
            print_line(line);
        }
    }

    /// Prints a line that confirms a change made at the prompt.
    pub fn print_confirmation(&self, line: &str) {
        if self.interactive {
            self.print_notice(line);
        }
    }

    /// Prints the notices about inference that are new.
    pub(super) fn print_inference_notices(&mut self) {
        self.observer.set_quiet(self.quiet);
        self.runner.report_notices();
    }

    /// Runner of statements that the next Ctrl-C cancels.
    pub fn runner(&self) -> StatementRunner {
        self.runner.with_cancellation(self.interrupts.token())
    }

    /// Removes the progress of a statement from the terminal.
    pub fn hide_progress(&self) {
        self.observer.progress_ended();
    }

    /// Runs `work` up to its end or the next Ctrl-C.
    ///
    /// # Errors
    /// Those of `work`, and the interruption.
    pub async fn unless_interrupted<T>(
        &mut self,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::select! {
            done = work => done,
            interrupted = self.interrupts.next() => Err(interrupted),
        }
    }

    /// Writes a text that is a result, such as a chart.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_text(&mut self, text: &str) -> Result<()> {
        let out = self.sink.writer()?;
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        self.sink.flush(self.style.pager)
    }

    /// Ends the output; an output file is put in place now.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn close(&mut self) -> Result<()> {
        std::mem::replace(&mut self.sink, Sink::stdout()).finish()
    }
}
