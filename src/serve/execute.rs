//! Execution of a client's statement: by the connection itself where it concerns
//! transactions, cursors and settings of Postgres, by the session otherwise.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::logical_expr::LogicalPlan;
use pgwire::api::results::Tag;
use pgwire::error::PgWireResult;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::cancel::CancelToken;
use super::connection::{self, Connection, lock};
use super::copy::{self, CopyOut};
use super::cursor::Cursors;
use super::errors::{self, SqlState};
use super::rows::Rows;
use super::settings::Changed;
use crate::error::{ErrorKind, Result, ShellError};
use crate::session::Session;
use crate::statement::parsed::{Access, Command, ConnectionCommand};
use crate::statement::{self, Effect, Outcome, Statement, explain, query};

/// What executing a statement gives.
pub enum Response {
    Rows(Rows),
    Copy(CopyOut),
    Transaction(Transaction, Tag),
    Done {
        tag: Tag,
        /// A setting and its value, to be reported to the client.
        report: Option<(&'static str, String)>,
    },
}

/// What a statement does to the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transaction {
    Begin,
    End,
    /// Back to a savepoint, which also a failed transaction can.
    RollbackTo,
    Within,
}

impl Response {
    fn done(tag: &str) -> Self {
        Self::Done {
            tag: Tag::new(tag),
            report: None,
        }
    }
}

impl Connection {
    /// Executes a statement.
    ///
    /// # Errors
    /// What is refused; whatever is wrong with the statement; its cancellation.
    pub async fn execute(
        self: &Arc<Self>,
        statement: &Statement,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        match &statement.command {
            Command::Connection(command) => {
                self.connection_command(command, statement.tag(), token)
                    .await
            }
            Command::Set { key, value } => self.set(statement, key, value.as_deref(), token).await,
            Command::Reset { key } => self.set(statement, key, None, token).await,
            Command::Show { name, .. } => {
                let shown = lock(&self.settings).show(name);
                match shown {
                    Some((name, value)) => Ok(Response::Rows(one_cell(name, &value)?)),
                    None => self.run(statement, token).await,
                }
            }
            _ => self.run(statement, token).await,
        }
    }

    /// Refuses a statement before it is planned.
    ///
    /// # Errors
    /// The refusal, with its code.
    pub fn check(&self, statement: &Statement) -> PgWireResult<()> {
        let queued = self.server.session.ai.progress().texts_queued;
        if queued > self.server.max_queued {
            return Err(errors::error(
                SqlState::QueueFull,
                format!(
                    "{queued} texts wait for a model (--max-queued is {}); try again later",
                    self.server.max_queued
                ),
            ));
        }
        if statement.effect() < Effect::Writes {
            return Ok(());
        }
        let policy = &self.server.session.policy;
        policy.check_write(statement.tag()).map_err(errors::wire)?;
        match self.reads_only() {
            true => Err(errors::error(
                SqlState::ReadOnly,
                format!(
                    "cannot execute {} in a read-only transaction",
                    statement.tag()
                ),
            )),
            false => Ok(()),
        }
    }

    /// Runs a statement in the client's session.
    async fn run(
        self: &Arc<Self>,
        statement: &Statement,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        self.check(statement)?;
        let (session, work) = self.begin_work()?;
        let outcome = connection::run(token, {
            let statement = statement.clone();
            async move { statement::run(&session, &statement).await }
        });
        Ok(response(statement, outcome.await?, work))
    }

    /// The session, and what cancels the models, training and index building of
    /// the statement that begins now.
    fn begin_work(&self) -> PgWireResult<(Arc<Session>, DropGuard)> {
        let session = self.session()?;
        let work = CancellationToken::new();
        session.cancel_with(work.clone());
        Ok((session, work.drop_guard()))
    }

    /// Plans a statement, with its parameters open; `None` where it is run as a
    /// whole.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn plan(
        self: &Arc<Self>,
        statement: &Statement,
        token: &CancelToken,
    ) -> PgWireResult<Option<LogicalPlan>> {
        self.check(statement)?;
        let (session, _work) = self.begin_work()?;
        let statement = statement.clone();
        connection::run(
            token,
            async move { query::plan_of(&session, &statement).await },
        )
        .await
    }

    /// Runs the plan of a statement.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn run_plan(
        self: &Arc<Self>,
        statement: &Statement,
        plan: LogicalPlan,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        self.check(statement)?;
        let (session, work) = self.begin_work()?;
        let explains = matches!(statement.command, Command::Explain(_));
        let outcome = connection::run(token, async move {
            let outcome = query::run_plan(&session, plan).await?;
            match explains {
                true => explain::by_line(outcome).await,
                false => Ok(outcome),
            }
        });
        Ok(response(statement, outcome.await?, work))
    }

    /// Runs a query.
    async fn rows(
        self: &Arc<Self>,
        statement: &Statement,
        token: &CancelToken,
    ) -> PgWireResult<Rows> {
        match self.run(statement, token).await? {
            Response::Rows(rows) => Ok(rows),
            _ => Err(errors::error(
                SqlState::SyntaxOrAccess,
                "this statement gives no rows",
            )),
        }
    }

    async fn set(
        self: &Arc<Self>,
        statement: &Statement,
        key: &str,
        value: Option<&str>,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        let changed = lock(&self.settings).set(key, value);
        match changed.map_err(errors::wire)? {
            Some(Changed { report }) => Ok(Response::Done {
                tag: Tag::new(statement.tag()),
                report,
            }),
            None => self.run(statement, token).await,
        }
    }

    async fn connection_command(
        self: &Arc<Self>,
        command: &ConnectionCommand,
        tag: &'static str,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        match command {
            ConnectionCommand::Begin { access, .. } => {
                self.check_access(*access)?;
                self.set_access(*access);
                Ok(Response::Transaction(Transaction::Begin, Tag::new(tag)))
            }
            ConnectionCommand::End { .. } => {
                self.set_access(None);
                Ok(Response::Transaction(Transaction::End, Tag::new(tag)))
            }
            ConnectionCommand::RollbackTo => Ok(Response::Transaction(
                Transaction::RollbackTo,
                Tag::new(tag),
            )),
            ConnectionCommand::Savepoint { .. } => {
                Ok(Response::Transaction(Transaction::Within, Tag::new(tag)))
            }
            ConnectionCommand::SetTransaction { access, session } => {
                self.check_access(*access)?;
                match (access, session) {
                    (Some(access), true) => {
                        let value = match access {
                            Access::ReadOnly => "on",
                            Access::ReadWrite => "off",
                        };
                        let changed =
                            lock(&self.settings).set("default_transaction_read_only", Some(value));
                        changed.map_err(errors::wire)?;
                    }
                    (Some(access), false) => self.set_access(Some(*access)),
                    (None, _) => {}
                }
                Ok(Response::done(tag))
            }
            ConnectionCommand::SetRole(None) => Ok(Response::done(tag)),
            ConnectionCommand::SetRole(Some(role)) if *role == self.user() => {
                Ok(Response::done(tag))
            }
            ConnectionCommand::SetRole(Some(role)) => Err(errors::error(
                SqlState::NotSupported,
                format!("cannot become '{role}': this server has no roles besides its users"),
            )),
            ConnectionCommand::Declare { name, query } => {
                lock(&self.cursors).is_free(name)?;
                let rows = self.rows(query, token).await?;
                lock(&self.cursors).put(name.clone(), rows);
                Ok(Response::done(tag))
            }
            ConnectionCommand::Fetch { name, count, shown } => {
                // Taken out for as long as it runs: this connection runs
                // nothing else meanwhile.
                let mut rows = lock(&self.cursors).take(name)?;
                let fetched = token.unless_cancelled(rows.fetch(*count)).await;
                lock(&self.cursors).put(name.clone(), rows);
                let fetched = fetched?;
                Ok(match shown {
                    true => Response::Rows(fetched.into_rows().tagged(tag)),
                    false => Response::Done {
                        tag: Tag::new(tag).with_rows(fetched.count()),
                        report: None,
                    },
                })
            }
            ConnectionCommand::Close { name } => {
                match name {
                    Some(name) => drop(lock(&self.cursors).take(name)?),
                    None => *lock(&self.cursors) = Cursors::default(),
                }
                Ok(Response::done(tag))
            }
            ConnectionCommand::CopyOut(copy) => {
                let format =
                    copy::format(&copy.options, &copy.legacy_options).map_err(errors::wire)?;
                let rows = self.rows(&copy.query, token).await?;
                Ok(Response::Copy(CopyOut { rows, format }))
            }
            ConnectionCommand::DiscardAll => {
                self.reset();
                Ok(Response::done(tag))
            }
            ConnectionCommand::Ignored { .. } => Ok(Response::done(tag)),
        }
    }

    /// Refuses `READ WRITE` where the server only reads.
    fn check_access(&self, access: Option<Access>) -> PgWireResult<()> {
        match access {
            Some(Access::ReadWrite) => {
                let policy = &self.server.session.policy;
                let checked = policy.check_write("a READ WRITE transaction");
                checked.map_err(errors::wire)
            }
            _ => Ok(()),
        }
    }
}

/// What an outcome is to the client.
fn response(statement: &Statement, outcome: Outcome, work: DropGuard) -> Response {
    match outcome {
        Outcome::Rows { schema, stream } => {
            Response::Rows(Rows::of(schema, stream, work).tagged(statement.tag()))
        }
        Outcome::Done { rows, .. } => Response::Done {
            tag: tag(statement.tag(), rows),
            report: None,
        },
    }
}

/// `INSERT 0 3`, `COPY 3`, `CREATE TABLE`: as Postgres has it.
fn tag(tag: &str, rows: Option<u64>) -> Tag {
    let rows = rows.map(|rows| usize::try_from(rows).unwrap_or(usize::MAX));
    match rows {
        Some(rows) if tag == "INSERT" => Tag::new(tag).with_oid(0).with_rows(rows),
        Some(rows) => Tag::new(tag).with_rows(rows),
        None => Tag::new(tag),
    }
}

fn one_cell(name: &str, value: &str) -> PgWireResult<Rows> {
    let rows = || -> Result<Rows> {
        let schema = Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, false)]));
        let column = Arc::new(StringArray::from(vec![value]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column])?;
        Ok(Rows::ready_made(schema, vec![batch]).tagged("SHOW"))
    };
    rows().map_err(|error| {
        errors::wire(ShellError {
            kind: ErrorKind::Internal,
            ..error
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pgwire::messages::response::CommandComplete;

    #[test]
    fn tags_count_rows() {
        let of = |name: &str, rows| CommandComplete::from(tag(name, rows)).tag;
        assert_eq!(of("INSERT", Some(1)), "INSERT 0 1");
        assert_eq!(of("COPY", Some(3)), "COPY 3");
        assert_eq!(of("CREATE TABLE", None), "CREATE TABLE");
        assert_eq!(of("SET", None), "SET");
    }
}
