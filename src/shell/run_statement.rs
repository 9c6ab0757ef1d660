//! Runs a statement and shows its result.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt;

use super::report::print_line;
use super::state::Shell;
use crate::error::Result;
use crate::output::{self, Style};
use crate::result_buffer::ResultBuffer;
use crate::statement::{Outcome, StatementObserver};

impl Shell {
    /// Runs one statement, shows its result, and keeps its rows as `_`.
    ///
    /// # Errors
    /// Those of the statement, and the interruption.
    pub async fn run_sql(&mut self, sql: &str) -> Result<()> {
        self.run(sql, true).await?;
        Ok(())
    }

    /// Runs one statement and keeps its rows as `_` without showing them. Returns
    /// whether it has rows to keep.
    ///
    /// # Errors
    /// Those of the statement, and the interruption.
    pub async fn run_hidden(&mut self, sql: &str) -> Result<bool> {
        self.run(sql, false).await
    }

    async fn run(&mut self, sql: &str, visible: bool) -> Result<bool> {
        self.statement = Some(sql.to_string());
        self.statement_pending = false;
        let start = Instant::now();
        let result = self.execute(sql, visible).await;
        if result.is_err() {
            self.interrupts.reset();
        }
        self.hide_progress();
        self.print_inference_notices();
        let kept = result?;
        if self.timing {
            print_line(&format_elapsed(start.elapsed()));
        }
        Ok(kept)
    }

    async fn execute(&mut self, sql: &str, visible: bool) -> Result<bool> {
        let last = self.runner().run_text(sql).await?;
        let style = Style {
            whole_cells: last.is_plan,
            ..self.style.clone()
        };
        let Some(buffer) = self.show(last.outcome, visible, &style).await? else {
            return Ok(false);
        };
        if !last.keeps_result {
            return Ok(false);
        }
        if let Some(line) = self.last_result.replace(&self.session.ctx, buffer)? {
            self.print_confirmation(&line);
        }
        Ok(true)
    }

    /// Runs a statement for a command and shows its result; neither the result nor
    /// the statement is kept.
    ///
    /// # Errors
    /// Those of the statement, and the interruption.
    pub async fn show_statement(&mut self, sql: &str) -> Result<()> {
        let last = self.runner().run_text(sql).await;
        if last.is_err() {
            self.interrupts.reset();
        }
        self.show_outcome(last?.outcome).await
    }

    /// Runs a statement for a command and shows nothing of it.
    ///
    /// # Errors
    /// Those of the statement, and the interruption.
    pub async fn run_quietly(&mut self, sql: &str) -> Result<()> {
        let last = self.runner().run_text(sql).await;
        if last.is_err() {
            self.interrupts.reset();
        }
        last?.outcome.drain().await
    }

    /// Shows the outcome of a command.
    ///
    /// # Errors
    /// Those of its rows and of the output, and the interruption.
    pub async fn show_outcome(&mut self, outcome: Outcome) -> Result<()> {
        let style = self.style.clone();
        self.show(outcome, true, &style).await?;
        Ok(())
    }

    /// Shows an outcome, and returns its rows, if it has some.
    async fn show(
        &mut self,
        outcome: Outcome,
        visible: bool,
        style: &Style,
    ) -> Result<Option<ResultBuffer>> {
        let (schema, mut stream) = match outcome {
            Outcome::Rows { schema, stream } => (schema, stream),
            Outcome::Done { message, .. } => {
                self.hide_progress();
                self.print_notice(&message);
                return Ok(None);
            }
        };
        let mut buffer = ResultBuffer::new(Arc::clone(&schema));
        let observer = Arc::clone(&self.observer);
        let mut writer = output::writer(schema, style, self.sink.writer()?);
        while let Some(batch) = stream.try_next().await? {
            buffer.add(&batch);
            if !visible {
                continue;
            }
            if !style.format.holds_rows() || style.expanded {
                observer.progress_ended();
            }
            writer.batch(&batch)?;
        }
        observer.progress_ended();
        if visible {
            writer.finish()?;
        }
        drop(writer);
        self.sink.flush(style.pager)?;
        Ok(Some(buffer))
    }
}

fn format_elapsed(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        return format!("Time: {seconds:.3} s");
    }
    let whole = time.as_secs();
    format!(
        "Time: {seconds:.1} s ({}:{:02}:{:02})",
        whole / 3600,
        whole / 60 % 60,
        whole % 60
    )
}
