//! What a text from a client is, and who carries it out.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::LogicalPlan;
use pgwire::api::results::Tag;
use pgwire::error::PgWireResult;

use super::connection::{self, Connection, lock};
use super::copy::{self, CopyOut};
use super::cursor::{self, Cursors};
use super::dialect;
use super::errors::{self, State};
use super::rows::Rows;
use super::settings::{self, Answer};
use super::stop::Asked;
use crate::error::{Result, ShellError};
use crate::script::first_words;
use crate::session::Session;
use crate::statement::{self, Effect, Outcome, read_only};

const REFUSAL: &str = "this server only reads; start `semql serve` with --allow-writes to run";

/// First words, and what they do to the transaction. Nothing here needs one:
/// every statement stands for itself.
const TRANSACTIONS: &[(&str, Transaction, &str)] = &[
    ("BEGIN", Transaction::Begin, "BEGIN"),
    ("START", Transaction::Begin, "START TRANSACTION"),
    ("COMMIT", Transaction::End, "COMMIT"),
    ("END", Transaction::End, "COMMIT"),
    ("ROLLBACK", Transaction::End, "ROLLBACK"),
    ("ABORT", Transaction::End, "ROLLBACK"),
    ("SAVEPOINT", Transaction::Within, "SAVEPOINT"),
    ("RELEASE", Transaction::Within, "RELEASE"),
];

/// First words of statements that clients send to tidy up, where there is
/// nothing to tidy.
const IGNORED: &[(&str, &str)] = &[("UNLISTEN", "UNLISTEN"), ("DEALLOCATE", "DEALLOCATE")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    Begin,
    End,
    Within,
}

/// A statement, understood.
pub enum Statement {
    Transaction(Transaction, &'static str),
    Setting(settings::Ask),
    Cursor(cursor::Ask),
    Copy(copy::Ask),
    /// `DISCARD ALL`.
    Discard,
    Ignored(&'static str),
    /// One that the shell or the engine runs.
    Ours,
}

/// What carrying it out gives.
pub enum Reply {
    Rows(Rows),
    Copy(CopyOut),
    Transaction(Transaction, Tag),
    Done {
        tag: Tag,
        /// A setting and its value that the client is to be told.
        report: Option<(&'static str, String)>,
    },
}

impl Reply {
    fn done(tag: &str) -> Self {
        Self::Done {
            tag: Tag::new(tag),
            report: None,
        }
    }
}

impl Statement {
    /// Says what `sql` is.
    ///
    /// # Errors
    /// A COPY or a cursor whose words do not fit together.
    pub fn read(sql: &str) -> Result<Self> {
        let (words, _) = first_words(sql, 2);
        let first = words.first().map_or("", String::as_str);
        if let Some((_, transaction, tag)) = TRANSACTIONS.iter().find(|(word, ..)| *word == first) {
            return Ok(Self::Transaction(*transaction, tag));
        }
        if let Some((_, tag)) = IGNORED.iter().find(|(word, _)| *word == first) {
            return Ok(Self::Ignored(tag));
        }
        if first == "DISCARD" {
            return Ok(Self::Discard);
        }
        if let Some(ask) = settings::read(sql) {
            return Ok(Self::Setting(ask));
        }
        if let Some(ask) = cursor::read(sql)? {
            return Ok(Self::Cursor(ask));
        }
        Ok(copy::read(sql)?.map_or(Self::Ours, Self::Copy))
    }
}

impl Connection {
    /// Carries out `sql`.
    ///
    /// # Errors
    /// Whatever is wrong with it; the client's wish to stop.
    pub async fn reply(self: &Arc<Self>, sql: &str, asked: Asked) -> PgWireResult<Reply> {
        let session = self.session()?;
        match Statement::read(sql).map_err(errors::wire)? {
            Statement::Transaction(transaction, tag) => {
                Ok(Reply::Transaction(transaction, Tag::new(tag)))
            }
            Statement::Ignored(tag) => Ok(Reply::done(tag)),
            Statement::Discard => {
                self.reset();
                Ok(Reply::done("DISCARD ALL"))
            }
            Statement::Setting(ask) => self.setting(&ask),
            Statement::Cursor(ask) => self.cursor(ask, asked).await,
            Statement::Copy(ask) => {
                let format = ask.format.clone();
                let rows = self.rows(&ask.query, asked).await?;
                Ok(Reply::Copy(CopyOut { rows, format }))
            }
            Statement::Ours => {
                let outcome = self.outcome(session, sql, asked.clone()).await?;
                Ok(reply(sql, outcome, asked))
            }
        }
    }

    /// Runs a query.
    ///
    /// # Errors
    /// Whatever is wrong with it, and if it gives no rows.
    pub async fn rows(self: &Arc<Self>, sql: &str, asked: Asked) -> PgWireResult<Rows> {
        match self.outcome(self.session()?, sql, asked.clone()).await? {
            Outcome::Rows { schema, stream } => Ok(Rows::of(schema, stream, asked)),
            Outcome::Done { .. } => Err(errors::error(
                State::Statement,
                "this statement gives no rows",
            )),
        }
    }

    async fn outcome(
        self: &Arc<Self>,
        session: Arc<Session>,
        sql: &str,
        asked: Asked,
    ) -> PgWireResult<Outcome> {
        self.admit(sql)?;
        let (allow_writes, sql) = (self.house.allow_writes, sql.to_string());
        connection::run(
            asked,
            async move { outcome(&session, &sql, allow_writes).await },
        )
        .await
    }

    /// Refuses what can be told from the words alone.
    ///
    /// # Errors
    /// The refusal, with its code.
    pub fn admit(&self, sql: &str) -> PgWireResult<()> {
        let queued = self.house.session.ai.progress().texts_queued;
        if queued > self.house.max_queued {
            return Err(errors::error(
                State::Queue,
                format!(
                    "{queued} texts wait for a model (--max-queued is {}); try again later",
                    self.house.max_queued
                ),
            ));
        }
        if self.house.allow_writes {
            return Ok(());
        }
        match (statement::effect(sql), read_only::writes(sql)) {
            (Effect::Settings, _) if !shared(sql) => Ok(()),
            (_, Some(word)) if word != "PREPARE" && word != "EXECUTE" => {
                let error = read_only::refused(REFUSAL, &word);
                Err(errors::error(State::ReadOnly, error.message))
            }
            _ => Ok(()),
        }
    }

    fn setting(&self, ask: &settings::Ask) -> PgWireResult<Reply> {
        let answer = lock(&self.settings).run(ask);
        match answer.map_err(|why| errors::error(State::InvalidParameter, why))? {
            Answer::Value { name, value } => Ok(Reply::Rows(one_cell(name, &value)?)),
            Answer::Done { tag, report } => Ok(Reply::Done {
                tag: Tag::new(tag),
                report,
            }),
        }
    }

    async fn cursor(self: &Arc<Self>, ask: cursor::Ask, asked: Asked) -> PgWireResult<Reply> {
        match ask {
            cursor::Ask::Declare { name, query } => {
                lock(&self.cursors).is_free(&name)?;
                let rows = self.rows(&query, asked).await?;
                lock(&self.cursors).put(name, rows);
                Ok(Reply::done("DECLARE CURSOR"))
            }
            cursor::Ask::Fetch { name, count, shown } => {
                // Taken out for as long as it runs: nothing else of this
                // connection does.
                let mut rows = lock(&self.cursors).take(&name)?;
                let fetched = rows.fetch(count, asked).await;
                lock(&self.cursors).put(name, rows);
                let fetched = fetched?;
                Ok(match shown {
                    true => Reply::Rows(fetched.into_rows().tagged("FETCH")),
                    false => Reply::Done {
                        tag: Tag::new("MOVE").with_rows(fetched.count()),
                        report: None,
                    },
                })
            }
            cursor::Ask::Close { name } => {
                match name {
                    Some(name) => drop(lock(&self.cursors).take(&name)?),
                    None => *lock(&self.cursors) = Cursors::default(),
                }
                Ok(Reply::done("CLOSE CURSOR"))
            }
        }
    }
}

/// Whether a setting reaches beyond the session that sets it.
fn shared(sql: &str) -> bool {
    sql.to_lowercase().contains("datafusion.runtime")
}

/// Runs a statement of the shell's or the engine's.
async fn outcome(session: &Session, sql: &str, allow_writes: bool) -> Result<Outcome> {
    if statement::effect(sql) != Effect::Planned {
        return statement::run(session, sql).await;
    }
    match dialect::plan(session, sql).await {
        Ok(Some(plan)) => {
            verify(&plan, allow_writes)?;
            // EXPLAIN has its own way of showing what the plan gives.
            match statement::is_own(sql) {
                true => statement::run(session, sql).await,
                false => run_plan(session, plan).await,
            }
        }
        Ok(None) => statement::run(session, sql).await,
        Err(error) => Err(statement::help(session, error)),
    }
}

/// Refuses a plan that changes something, unless that is allowed.
///
/// # Errors
/// The refusal.
pub fn verify(plan: &LogicalPlan, allow_writes: bool) -> Result<()> {
    match allow_writes {
        true => Ok(()),
        false => read_only::verify(plan, REFUSAL, true),
    }
}

/// Runs a plan.
///
/// # Errors
/// Planning what is left and, for all but queries, execution.
pub async fn run_plan(session: &Session, plan: LogicalPlan) -> Result<Outcome> {
    statement::query::run_plan(session, plan)
        .await
        .map_err(|error| statement::help(session, error))
}

/// What an outcome is to the client.
pub fn reply(sql: &str, outcome: Outcome, asked: Asked) -> Reply {
    match outcome {
        Outcome::Rows { schema, stream } => {
            let rows = Rows::of(schema, stream, asked);
            Reply::Rows(match statement::is_own(sql) {
                true => rows.tagged(&first_words(sql, 1).0.join(" ")),
                false => rows,
            })
        }
        Outcome::Done { message } => Reply::Done {
            tag: tag(sql, &message),
            report: None,
        },
    }
}

/// `INSERT 0 3`, `COPY 3`, `CREATE TABLE`: what Postgres would say.
fn tag(sql: &str, message: &str) -> Tag {
    let (words, _) = first_words(sql, 2);
    let first = words.first().map_or("", String::as_str);
    // The number of rows, where the message tells one.
    let rows = message
        .split(|c: char| !c.is_ascii_digit())
        .find_map(|digits| digits.parse().ok());
    match (first, rows) {
        ("INSERT", Some(rows)) => Tag::new("INSERT").with_oid(0).with_rows(rows),
        ("COPY" | "DELETE" | "UPDATE", Some(rows)) => Tag::new(first).with_rows(rows),
        ("CREATE" | "DROP", _) => Tag::new(&words.join(" ")),
        _ => Tag::new(first),
    }
}

fn one_cell(name: &str, value: &str) -> PgWireResult<Rows> {
    let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, false)]));
    let column = Arc::new(StringArray::from(vec![value]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column])
        .map_err(|error| errors::wire(ShellError::from(error)))?;
    Ok(Rows::ready_made(schema, vec![batch]).tagged("SHOW"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgwire::messages::response::CommandComplete;

    #[test]
    fn tags_are_those_of_postgres() {
        let of = |sql: &str, message: &str| CommandComplete::from(tag(sql, message)).tag;
        assert_eq!(
            of("insert into t values (1)", "inserted 1 row"),
            "INSERT 0 1"
        );
        assert_eq!(of("COPY t TO 'x.parquet'", "copied 1 rows"), "COPY 1");
        assert_eq!(
            of("CREATE TABLE t AS SELECT 1", "created table t"),
            "CREATE TABLE"
        );
        assert_eq!(of("SET ai.model = 'x'", ""), "SET");
    }

    #[test]
    fn statements_are_told_apart() {
        let is = |sql: &str| Statement::read(sql).unwrap();
        assert!(matches!(
            is("begin"),
            Statement::Transaction(Transaction::Begin, "BEGIN")
        ));
        assert!(matches!(
            is("ROLLBACK TO s"),
            Statement::Transaction(Transaction::End, _)
        ));
        assert!(matches!(is("SET ai.model = 'x'"), Statement::Ours));
        assert!(matches!(
            is("SET extra_float_digits = 3"),
            Statement::Setting(_)
        ));
        assert!(matches!(is("COPY t TO 'x.csv'"), Statement::Ours));
        assert!(matches!(is("COPY t TO STDOUT"), Statement::Copy(_)));
        assert!(matches!(is("DISCARD ALL"), Statement::Discard));
    }

    #[test]
    fn settings_of_the_process_are_shared() {
        assert!(shared("SET datafusion.runtime.memory_limit = '1G'"));
        assert!(!shared("SET datafusion.execution.batch_size = 1"));
    }
}
