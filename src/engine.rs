//! Engine for programs that embed semql: statements go in, rows come out, and
//! nothing is printed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::async_runtime;
use crate::error::{Result, ShellError};
use crate::script::{self, ItemKind, Script};
use crate::session::{Session, SessionOptions};
use crate::statement::{Outcome, StatementObserver, StatementRunner};

/// Interval in which a running statement checks for an interruption.
const INTERRUPT_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Session with its own threads.
pub struct Engine(Arc<SharedEngine>);

/// Engine, shared with the results of its statements.
struct SharedEngine {
    runner: StatementRunner,
    notices: Arc<NoticeBuffer>,
    /// `None` only while the engine is being dropped.
    threads: Option<Runtime>,
}

/// Result of a statement. Its rows are computed as they are read.
pub struct StatementResult {
    /// Without columns if the statement has no rows.
    pub schema: SchemaRef,
    /// What the statement did, such as `created table t`; may be empty.
    pub message: String,
    /// `None` without rows, and after their end.
    rows: Option<SendableRecordBatchStream>,
    token: CancellationToken,
    script: Script,
    /// Line of the statement in the script.
    line: usize,
    engine: Arc<SharedEngine>,
}

impl StatementResult {
    /// Computes the next batch; `None` at the end. Calls `interrupted` now and then,
    /// and stops the statement if it returns true.
    ///
    /// # Errors
    /// Those of the rows; the interruption.
    pub fn next_batch(
        &mut self,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<Option<RecordBatch>> {
        let Some(rows) = &mut self.rows else {
            return Ok(None);
        };
        let next = async { rows.try_next().await.map_err(ShellError::from) };
        let next = self.engine.wait_for(next, &self.token, interrupted);
        if !matches!(next, Ok(Some(_))) {
            self.rows = None;
        }
        next.map_err(|error| self.script.locate_error(error, self.line))
    }
}

impl Engine {
    /// Opens a session. Loads no model and reads no data file.
    ///
    /// # Errors
    /// A dictionary that is missing or invalid; an invalid setting.
    pub fn open(options: &SessionOptions) -> Result<Self> {
        let threads = async_runtime::start()?;
        let session = Arc::new(threads.block_on(open_session(options))?);
        let notices = Arc::new(NoticeBuffer::default());
        let observer: Arc<dyn StatementObserver> = notices.clone();
        Ok(Self(Arc::new(SharedEngine {
            runner: StatementRunner::new(session, CancellationToken::new(), observer),
            notices,
            threads: Some(threads),
        })))
    }

    /// The DataFusion session, for registering tables.
    pub fn context(&self) -> &SessionContext {
        &self.0.runner.session().ctx
    }

    /// Runs the statements of a text, and returns the result of the last one. Calls
    /// `interrupted` now and then, and stops the statement if it returns true.
    ///
    /// # Errors
    /// The first error; the interruption.
    pub fn run(
        &self,
        text: &str,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<StatementResult> {
        let script = Script::new("", text);
        let (items, unterminated) = script::split(text);
        let mut result = self.empty_result(&script);
        for item in items {
            while result.next_batch(interrupted)?.is_some() {}
            result = match item.kind {
                ItemKind::Statement => self.run_statement(&item.text, interrupted),
                ItemKind::Command => Err(ShellError::query(format!(
                    "{} is a command of the prompt; only SQL can run here",
                    item.text
                ))),
            }
            .map_err(|error| script.locate_error(error, item.line))?;
            result.script = script.clone();
            result.line = item.line;
        }
        match unterminated {
            Some(token) => {
                let error = ShellError::query(token.message);
                Err(script.locate_error(error, token.line))
            }
            None => Ok(result),
        }
    }

    /// Notices about inference since the last call.
    pub fn take_notices(&self) -> Vec<String> {
        self.0.runner.report_notices();
        std::mem::take(&mut *self.0.notices.lock())
    }

    fn empty_result(&self, script: &Script) -> StatementResult {
        StatementResult {
            schema: Arc::new(Schema::empty()),
            message: String::new(),
            rows: None,
            token: CancellationToken::new(),
            script: script.clone(),
            line: 1,
            engine: Arc::clone(&self.0),
        }
    }

    fn run_statement(
        &self,
        sql: &str,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<StatementResult> {
        let result = self.empty_result(&Script::new("", ""));
        let runner = self.0.runner.with_cancellation(result.token.clone());
        let last = self
            .0
            .wait_for(runner.run_text(sql), &result.token, interrupted)?;
        Ok(match last.outcome {
            Outcome::Rows { schema, stream } => StatementResult {
                schema,
                rows: Some(stream),
                ..result
            },
            Outcome::Done { message, .. } => StatementResult { message, ..result },
        })
    }
}

impl SharedEngine {
    /// Runs `work` up to its end or an interruption, which cancels `token`.
    fn wait_for<T>(
        &self,
        work: impl Future<Output = Result<T>>,
        token: &CancellationToken,
        interrupted: &mut dyn FnMut() -> bool,
    ) -> Result<T> {
        let Some(threads) = &self.threads else {
            return Err(ShellError::query("the session is closed"));
        };
        let mut work = std::pin::pin!(work);
        loop {
            let next = async { timeout(INTERRUPT_CHECK_INTERVAL, work.as_mut()).await };
            match threads.block_on(next) {
                Ok(done) => return done,
                Err(_) if interrupted() => {
                    self.runner.session().ai.interrupt();
                    token.cancel();
                    return threads.block_on(work);
                }
                Err(_) => {}
            }
        }
    }
}

impl Drop for SharedEngine {
    fn drop(&mut self) {
        // Does not wait for unfinished work.
        self.runner.session().ai.interrupt();
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

/// Observer that collects notices.
#[derive(Default)]
struct NoticeBuffer(Mutex<Vec<String>>);

impl NoticeBuffer {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StatementObserver for NoticeBuffer {
    fn notice(&self, text: &str) {
        self.lock().push(text.to_string());
    }
}

async fn open_session(options: &SessionOptions) -> Result<Session> {
    let mut options = options.clone();
    let settings = std::mem::take(&mut options.settings);
    let session = Session::open(&options).await?;
    for (key, value) in &settings {
        // `Session::open` words errors for the command line.
        session.assign(key, Some(value.as_str())).await?;
    }
    Ok(session)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ExitCode;

    fn engine() -> Engine {
        let settings = vec![("ai.model".to_string(), "deterministic".to_string())];
        Engine::open(&SessionOptions {
            settings,
            ..SessionOptions::default()
        })
        .unwrap()
    }

    #[test]
    fn run_returns_the_result_of_the_last_statement() {
        let engine = engine();
        let text = "CREATE TABLE t AS SELECT 1 AS a; SELECT a, categorize('x', 'y') FROM t";
        let mut result = engine.run(text, &mut || false).unwrap();
        assert_eq!(result.schema.fields().len(), 2);
        let batch = result.next_batch(&mut || false).unwrap().unwrap();
        assert_eq!(batch.num_rows(), 1);
        assert!(result.next_batch(&mut || false).unwrap().is_none());
        let mut nothing = engine.run("-- nothing", &mut || false).unwrap();
        assert!(nothing.schema.fields().is_empty());
        assert!(nothing.next_batch(&mut || false).unwrap().is_none());
    }

    #[test]
    fn errors_name_the_line() {
        let engine = engine();
        let failed = engine.run("SELECT 1;\nSELECT nothing", &mut || false);
        let message = failed.err().unwrap().message;
        assert!(message.starts_with("line 2: "), "{message}");
        let failed = engine.run("\\d", &mut || false).err().unwrap();
        assert!(failed.message.contains("command of the prompt"));
    }

    #[test]
    fn rows_stream_and_an_interrupt_stops_them() {
        let engine = engine();
        let forever = "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 = 8";
        let mut result = engine.run(forever, &mut || false).unwrap();
        let failed = result.next_batch(&mut || true).unwrap_err();
        assert_eq!(failed.code, ExitCode::Interrupted);
        let many = "SELECT value FROM generate_series(1, 1000000000000)";
        let mut result = engine.run(many, &mut || false).unwrap();
        drop(engine);
        assert!(result.next_batch(&mut || false).unwrap().is_some());
    }
}
