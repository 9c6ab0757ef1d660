//! Commands that concern the connection alone: transactions, cursors, COPY.

use pgwire::api::results::Tag;
use pgwire::error::PgWireResult;

use super::response::Response;
use super::transaction::TransactionEffect;
use crate::serve::cancel::CancelToken;
use crate::serve::connection::Connection;
use crate::serve::copy::CopyResponse;
use crate::serve::errors::{self, SqlState};
use crate::statement::Statement;
use crate::statement::copy_format;
use crate::statement::parsed::{Access, ConnectionCommand};
use semql_udfs::inference::sync::lock;

impl Connection {
    /// Executes a command that concerns the connection alone.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) async fn connection_command(
        &self,
        statement: &Statement,
        command: &ConnectionCommand,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        let tag = statement.tag();
        match command {
            ConnectionCommand::Begin { access, .. } => {
                self.check_access(*access)?;
                self.set_access(*access);
                lock(&self.cursors).begin_transaction();
                self.session()?.tables.begin();
                Ok(Response::Transaction(
                    TransactionEffect::Begin,
                    Tag::new(tag),
                ))
            }
            ConnectionCommand::End { .. } => {
                self.set_access(None);
                lock(&self.cursors).end_transaction(tag == "COMMIT");
                let effect = TransactionEffect::End {
                    commits: tag == "COMMIT",
                };
                Ok(Response::Transaction(effect, Tag::new(tag)))
            }
            ConnectionCommand::RollbackTo { savepoint } => {
                self.session()?
                    .rollback_to(savepoint)
                    .map_err(errors::wire)?;
                Ok(Response::Transaction(
                    TransactionEffect::RollbackTo,
                    Tag::new(tag),
                ))
            }
            ConnectionCommand::Savepoint { name } => {
                self.session()?.tables.savepoint(name);
                Ok(Response::Transaction(
                    TransactionEffect::Unchanged,
                    Tag::new(tag),
                ))
            }
            ConnectionCommand::Release { savepoint } => {
                let released = self.session()?.tables.release(savepoint);
                released.map_err(|error| errors::wire(error.into()))?;
                Ok(Response::Transaction(
                    TransactionEffect::Unchanged,
                    Tag::new(tag),
                ))
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
            ConnectionCommand::Declare { name, query, hold } => {
                lock(&self.cursors).check_free(name)?;
                let rows = self.rows(query, token).await?;
                lock(&self.cursors).declare(name.clone(), rows, *hold);
                Ok(Response::done(tag))
            }
            ConnectionCommand::Fetch { name, count, shown } => {
                // The connection runs one statement at a time, so no other needs
                // the cursor meanwhile.
                let mut cursor = lock(&self.cursors).take(name)?;
                let fetched = token.unless_cancelled(cursor.rows.fetch(*count)).await;
                lock(&self.cursors).put(name.clone(), cursor);
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
                    None => lock(&self.cursors).close_all(),
                }
                Ok(Response::done(tag))
            }
            ConnectionCommand::CopyOut(copy) => {
                let format = copy_format::format(&copy.options, &copy.legacy_options)
                    .map_err(errors::wire)?;
                let rows = self.rows(&copy.query, token).await?;
                Ok(Response::Copy(CopyResponse { rows, format }))
            }
            ConnectionCommand::CopyIn(copy) => {
                let copy = self.begin_copy(copy, &statement.text, token).await?;
                Ok(Response::CopyIn(Box::new(copy)))
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
