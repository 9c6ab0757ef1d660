//! The shell: a session, and everything a person changes about it.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;

use crate::commands::{self, Call};
use crate::error::{ExitCode, Result, ShellError};
use crate::interrupt::Interrupts;
use crate::last::{Keeping, Last};
use crate::output::sink::Sink;
use crate::output::{self, Style};
use crate::script::{self, Item, Kind, Script, Variables};
use crate::seen::Seen;
use crate::session::Session;
use crate::statement::{self, Outcome};
use crate::task::{ReadAhead, Running, ended};

/// Files that read each other with `\i`, one inside the other.
const DEEPEST: usize = 50;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    Continue,
    Quit,
}

pub struct Shell {
    pub session: Arc<Session>,
    pub variables: Variables,
    pub style: Style,
    pub sink: Sink,
    pub timing: bool,
    pub quiet: bool,
    /// Whether a person sits at a prompt.
    pub interactive: bool,
    pub last: Last,
    /// The last statement that ran, or the one under way before `\g`.
    pub statement: Option<String>,
    /// Whether that one waits for the command behind it to run it.
    pub waiting: bool,
    pub interrupts: Interrupts,
    depth: usize,
    seen: Seen,
}

impl Shell {
    pub fn new(session: Session, style: Style, sink: Sink, interrupts: Interrupts) -> Self {
        Self {
            session: Arc::new(session),
            variables: Variables::default(),
            style,
            sink,
            timing: false,
            quiet: false,
            interactive: false,
            last: Last::default(),
            statement: None,
            waiting: false,
            interrupts,
            depth: 0,
            seen: Seen::default(),
        }
    }

    /// A line for the person, on standard error.
    pub fn say(&self, line: &str) {
        if !self.quiet && !line.is_empty() {
            say(line);
        }
    }

    /// A line that confirms what a person at the prompt just changed.
    pub fn confirm(&self, line: &str) {
        if self.interactive {
            self.say(line);
        }
    }

    /// Waits for `work`, unless Ctrl-C comes first.
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

    /// Runs a script up to its end, `\q` or its first error.
    ///
    /// # Errors
    /// The first error, with the file and line in front.
    pub async fn run_script(&mut self, script: &Script) -> Result<Flow> {
        if self.depth >= DEEPEST {
            return Err(ShellError::query(format!(
                "{} is read inside {DEEPEST} other files; does it read itself?",
                script.name
            )));
        }
        self.depth += 1;
        let result = self.run_items(script).await;
        self.depth -= 1;
        result
    }

    async fn run_items(&mut self, script: &Script) -> Result<Flow> {
        let (items, unfinished) = script::split(&script.text);
        for (at, item) in items.iter().enumerate() {
            let next = items.get(at + 1);
            let flow = self
                .run_item(script, item, next)
                .await
                .map_err(|error| place(error, script, item.line))?;
            if flow == Flow::Quit {
                return Ok(Flow::Quit);
            }
        }
        match unfinished {
            Some(unfinished) => {
                let error = ShellError::query(unfinished.message);
                Err(place(error, script, unfinished.line))
            }
            None => Ok(Flow::Continue),
        }
    }

    async fn run_item(
        &mut self,
        script: &Script,
        item: &Item,
        next: Option<&Item>,
    ) -> Result<Flow> {
        match item.kind {
            Kind::Command => {
                let (command, rest) = commands::find(&item.text)?;
                let words = script::words(rest)?
                    .iter()
                    .map(|word| self.variables.expand_word(word))
                    .collect::<Result<Vec<_>>>()?;
                (command.run)(
                    self,
                    Call {
                        rest,
                        words,
                        script,
                    },
                )
                .await
            }
            Kind::Statement => {
                let sql = self.variables.expand(&item.text)?;
                if let (false, Some(command)) = (item.complete, next) {
                    // `SELECT ... \g`: the command decides what becomes of it.
                    if !commands::find(&command.text)?.0.takes_statement {
                        return Err(ShellError::query(format!(
                            "the statement has no ; at its end, and {} on line {} follows",
                            command.text, command.line
                        )));
                    }
                    self.statement = Some(sql);
                    self.waiting = true;
                    return Ok(Flow::Continue);
                }
                self.run_sql(&sql).await?;
                Ok(Flow::Continue)
            }
        }
    }

    /// Runs one statement, shows what it gives, and keeps its rows as `_`.
    pub async fn run_sql(&mut self, sql: &str) -> Result<()> {
        self.run(sql, true).await?;
        Ok(())
    }

    /// Runs one statement and keeps its rows as `_` without showing them.
    /// Whether there are any to keep.
    pub async fn run_unseen(&mut self, sql: &str) -> Result<bool> {
        self.run(sql, false).await
    }

    async fn run(&mut self, sql: &str, seen: bool) -> Result<bool> {
        self.statement = Some(sql.to_string());
        self.waiting = false;
        let begun = Instant::now();
        let result = self.execute(sql, seen).await;
        self.session.hide_progress();
        self.say_inference();
        let kept = result?;
        if self.timing {
            say(&elapsed(begun.elapsed()));
        }
        Ok(kept)
    }

    async fn execute(&mut self, sql: &str, seen: bool) -> Result<bool> {
        let session = Arc::clone(&self.session);
        let text = sql.to_string();
        // In a task of its own, so that work which does not pause, such as
        // loading a model, cannot hold up Ctrl-C.
        let mut task = Running::start(async move {
            let mut statements = statement::parser::parse(&text)?;
            let Some(last) = statements.pop() else {
                return Ok::<_, ShellError>((Outcome::done(""), false));
            };
            // A variable may have brought several statements.
            for statement in statements {
                statement::drain(statement::run(&session, &statement).await?).await?;
            }
            let outcome = statement::run(&session, &last).await?;
            Ok((outcome, last.keeps_result()))
        });
        let (outcome, keep) = tokio::select! {
            done = task.done() => ended(done)??,
            interrupted = self.interrupts.next() => {
                task.stop().await;
                return Err(interrupted);
            }
        };
        self.show(outcome, seen, keep).await
    }

    /// Shows an outcome that a command worked out.
    pub async fn show_outcome(&mut self, outcome: Outcome) -> Result<()> {
        self.show(outcome, true, false).await?;
        Ok(())
    }

    async fn show(&mut self, outcome: Outcome, seen: bool, keep: bool) -> Result<bool> {
        let (schema, stream) = match outcome {
            Outcome::Rows { schema, stream } => (schema, stream),
            Outcome::Done { message, .. } => {
                self.session.hide_progress();
                self.say(&message);
                return Ok(false);
            }
        };
        let mut kept = Keeping::new(Arc::clone(&schema));
        self.write_rows(schema, stream, seen, &mut kept).await?;
        if !keep {
            return Ok(false);
        }
        if let Some(line) = self.last.replace(&self.session.ctx, kept)?
            && self.interactive
        {
            self.say(&line);
        }
        Ok(true)
    }

    async fn write_rows(
        &mut self,
        schema: SchemaRef,
        stream: SendableRecordBatchStream,
        seen: bool,
        kept: &mut Keeping,
    ) -> Result<()> {
        let style = self.style.clone();
        let session = Arc::clone(&self.session);
        let Self {
            sink, interrupts, ..
        } = self;
        let out = sink.writer()?;
        let mut writer = output::writer(schema, &style, out);
        let mut rows = ReadAhead::of(stream);
        loop {
            let batch = tokio::select! {
                batch = rows.next() => ended(batch)?,
                interrupted = interrupts.next() => {
                    rows.stop().await;
                    return Err(interrupted);
                }
            };
            let Some(batch) = batch? else { break };
            kept.add(&batch);
            if !seen {
                continue;
            }
            if !style.format.waits_for_all() || style.expanded {
                session.hide_progress();
            }
            writer.batch(&batch)?;
        }
        session.hide_progress();
        if seen {
            writer.finish()?;
        }
        drop(writer);
        sink.flush()
    }

    /// Writes a text that is a result, such as a chart.
    pub fn write_text(&mut self, text: &str) -> Result<()> {
        let out = self.sink.writer()?;
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') {
            out.write_all(b"\n")?;
        }
        self.sink.flush()
    }

    /// Says what there is to say about inference since the last time.
    fn say_inference(&mut self) {
        for line in self.seen.news(&self.session.ai) {
            self.say(&line);
        }
    }

    /// Ends the output: what goes to a file appears now.
    pub fn close(&mut self) -> Result<()> {
        std::mem::replace(&mut self.sink, Sink::stdout()).finish()
    }
}

/// Prints an error, unless it is only that nobody reads any more.
pub fn report(error: &ShellError) {
    if error.is_closed_output() {
        return;
    }
    if error.code == ExitCode::Interrupted {
        say("Interrupted.");
        return;
    }
    let label = if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        "\x1b[1;31merror:\x1b[0m"
    } else {
        "error:"
    };
    say(&format!("{label} {error}"));
}

/// A line on standard error, if anybody reads that.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn elapsed(time: Duration) -> String {
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

/// Puts `file:line` in front of an error, once.
pub fn place(mut error: ShellError, script: &Script, first_line: usize) -> ShellError {
    if error.placed || error.code == ExitCode::Interrupted || error.is_closed_output() {
        return error;
    }
    let within = error
        .line
        .take()
        .and_then(|line| usize::try_from(line).ok());
    let line = first_line + within.unwrap_or(1).saturating_sub(1);
    if let Some(place) = script.place(line) {
        error.message = format!("{place}: {}", error.message);
        error.placed = true;
    }
    error
}
