//! Commands that concern the connection alone: transactions, cursors, COPY.

use pgwire::api::results::Tag;
use pgwire::error::PgWireResult;

use super::response::Response;
use super::transaction::TransactionEffect;
use crate::serve::cancel::CancelToken;
use crate::serve::connection::Connection;
use crate::serve::copy::{self, CopyResponse};
use crate::serve::cursor::Cursors;
use crate::serve::errors::{self, SqlState};
use crate::statement::parsed::{Access, ConnectionCommand};
use semql_udfs::inference::sync::lock;

impl Connection {
    /// Executes a command that concerns the connection alone.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub(super) async fn connection_command(
        &self,
        command: &ConnectionCommand,
        tag: &'static str,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        match command {
            ConnectionCommand::Begin { access, .. } => {
                self.check_access(*access)?;
                self.set_access(*access);
                Ok(Response::Transaction(
                    TransactionEffect::Begin,
                    Tag::new(tag),
                ))
            }
            ConnectionCommand::End { .. } => {
                self.set_access(None);
                Ok(Response::Transaction(TransactionEffect::End, Tag::new(tag)))
            }
            ConnectionCommand::RollbackTo => Ok(Response::Transaction(
                TransactionEffect::RollbackTo,
                Tag::new(tag),
            )),
            ConnectionCommand::Savepoint { .. } => Ok(Response::Transaction(
                TransactionEffect::Unchanged,
                Tag::new(tag),
            )),
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
                lock(&self.cursors).check_free(name)?;
                let rows = self.rows(query, token).await?;
                lock(&self.cursors).put(name.clone(), rows);
                Ok(Response::done(tag))
            }
            ConnectionCommand::Fetch { name, count, shown } => {
                // The connection runs one statement at a time, so no other needs
                // the cursor meanwhile.
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
                Ok(Response::Copy(CopyResponse { rows, format }))
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
