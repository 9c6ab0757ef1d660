//! The session behind the prompt, for programs with a surface of their own:
//! statements go in, rows come out, and nothing is printed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use crate::error::{Result, ShellError};
use crate::script::{self, Kind, Script};
use crate::seen::Seen;
use crate::session::{Session, SessionOptions};
use crate::shell::place;
use crate::statement::{self, Outcome, set};
use crate::task::{Running, ended};

/// How often a statement that runs asks whether it is still wanted.
const PERIOD: Duration = Duration::from_millis(50);

/// What a statement gave.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Without columns where the statement gives no rows.
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
    /// What was done, such as `created table t`; empty where that goes without
    /// saying.
    pub message: String,
    /// What the shell would say on standard error.
    pub notes: Vec<String>,
}

impl Answer {
    fn done(message: String) -> Self {
        Self {
            schema: Arc::new(Schema::empty()),
            batches: Vec::new(),
            message,
            notes: Vec::new(),
        }
    }
}

/// A session with threads of its own.
pub struct Engine {
    session: Arc<Session>,
    seen: Mutex<Seen>,
    /// `None` only while it is being dropped.
    threads: Option<Runtime>,
}

impl Engine {
    /// Opens a session. No model is loaded and no data file is read.
    ///
    /// # Errors
    /// A dictionary that is absent or wrong; a setting that does not exist.
    pub fn open(options: &SessionOptions) -> Result<Self> {
        let threads = crate::threads()?;
        let session = threads.block_on(session(options))?;
        Ok(Self {
            session: Arc::new(session),
            seen: Mutex::default(),
            threads: Some(threads),
        })
    }

    /// The DataFusion session, to register tables on.
    pub fn context(&self) -> &SessionContext {
        &self.session.ctx
    }

    /// Runs the statements of a text one after the other, and gives what the
    /// last one gave. Waits for it, and asks `stop` every now and then whether
    /// to give up.
    ///
    /// # Errors
    /// The first error; that it was interrupted, where `stop` said so.
    pub fn run(&self, text: &str, stop: &mut dyn FnMut() -> bool) -> Result<Answer> {
        let script = Script::new("", text);
        let (items, unfinished) = script::split(text);
        let mut answer = Answer::done(String::new());
        for item in items {
            answer = match item.kind {
                Kind::Statement => self.wait_for(&item.text, stop),
                Kind::Command => Err(ShellError::query(format!(
                    "{} is a command of the prompt; only SQL can run here",
                    item.text
                ))),
            }
            .map_err(|error| place(error, &script, item.line))?;
        }
        if let Some(unfinished) = unfinished {
            let error = ShellError::query(unfinished.message);
            return Err(place(error, &script, unfinished.line));
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        answer.notes = seen.news(&self.session.ai);
        Ok(answer)
    }

    fn wait_for(&self, sql: &str, stop: &mut dyn FnMut() -> bool) -> Result<Answer> {
        let Some(threads) = &self.threads else {
            return Err(ShellError::query("the session is closed"));
        };
        let (session, sql) = (Arc::clone(&self.session), sql.to_string());
        // In a task of its own: work that does not pause, such as loading a
        // model, must not keep this thread from asking.
        let mut task = {
            let _inside = threads.enter();
            Running::start(async move { answer(&session, &sql).await })
        };
        loop {
            match threads.block_on(async { timeout(PERIOD, task.done()).await }) {
                Ok(done) => return ended(done)?,
                Err(_) if stop() => {
                    self.session.ai.interrupt();
                    threads.block_on(task.stop());
                    return Err(ShellError::interrupted());
                }
                Err(_) => {}
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Whoever lets go of a session does not wait for what it left undone.
        self.session.ai.interrupt();
        if let Some(threads) = self.threads.take() {
            threads.shutdown_background();
        }
    }
}

async fn session(options: &SessionOptions) -> Result<Session> {
    let mut options = options.clone();
    let settings = std::mem::take(&mut options.settings);
    let session = Session::open(&options).await?;
    for (key, value) in &settings {
        // Here and not in `open`, which words errors for the command line.
        set::assign(&session, key, value).await?;
    }
    Ok(session)
}

async fn answer(session: &Session, sql: &str) -> Result<Answer> {
    match statement::run_text(session, sql).await? {
        Outcome::Rows { schema, stream } => Ok(Answer {
            schema,
            batches: stream.try_collect().await?,
            ..Answer::done(String::new())
        }),
        Outcome::Done { message, .. } => Ok(Answer::done(message)),
    }
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
    fn the_last_statement_answers() {
        let engine = engine();
        let answer = engine
            .run(
                "CREATE TABLE t AS SELECT 1 AS a; SELECT a, categorize('x', 'y') FROM t",
                &mut || false,
            )
            .unwrap();
        assert_eq!(answer.schema.fields().len(), 2);
        assert_eq!(answer.batches[0].num_rows(), 1);
        let nothing = engine.run("-- nothing", &mut || false).unwrap();
        assert!(nothing.batches.is_empty() && nothing.schema.fields().is_empty());
    }

    #[test]
    fn errors_name_the_line() {
        let engine = engine();
        let failed = engine.run("SELECT 1;\nSELECT nothing", &mut || false);
        let message = failed.unwrap_err().message;
        assert!(message.starts_with("line 2: "), "{message}");
        let failed = engine.run("\\d", &mut || false).unwrap_err();
        assert!(failed.message.contains("command of the prompt"));
    }

    #[test]
    fn a_statement_that_is_not_wanted_any_more_ends() {
        let engine = engine();
        let forever = "SELECT count(*) FROM generate_series(1, 1000000000000) WHERE value % 7 = 8";
        let failed = engine.run(forever, &mut || true).unwrap_err();
        assert_eq!(failed.code, ExitCode::Interrupted);
    }
}
