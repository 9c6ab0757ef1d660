//! Dispatch of statements.

use pgwire::api::results::Tag;
use pgwire::error::PgWireResult;

use super::response::Response;
use crate::serve::cancel::CancelToken;
use crate::serve::connection::Connection;
use crate::serve::errors;
use crate::serve::settings::SettingChange;
use crate::statement::Statement;
use crate::statement::parsed::StatementCommand;
use semql_udfs::inference::sync::lock;

/// Key of `RESET ALL`.
const ALL: &str = "all";

impl Connection {
    /// Executes a statement.
    ///
    /// # Errors
    /// A refusal; an error of the statement; its cancellation.
    pub async fn execute(
        &self,
        statement: &Statement,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        match &statement.command {
            StatementCommand::Connection(command) => {
                self.connection_command(statement, command, token).await
            }
            StatementCommand::Set { key, value } => {
                self.set(statement, key, value.as_deref(), token).await
            }
            StatementCommand::Reset { key } if key == ALL => {
                self.reset_settings();
                Ok(Response::done(statement.tag()))
            }
            StatementCommand::Reset { key } => self.set(statement, key, None, token).await,
            StatementCommand::Show { name, .. } => {
                let shown = lock(&self.settings).show(name);
                match shown {
                    Some((name, value)) => Response::shown(name, &value),
                    None => self.run(statement, token).await,
                }
            }
            _ => self.run(statement, token).await,
        }
    }

    async fn set(
        &self,
        statement: &Statement,
        key: &str,
        value: Option<&str>,
        token: &CancelToken,
    ) -> PgWireResult<Response> {
        let changed = lock(&self.settings).set(key, value);
        match changed.map_err(errors::wire)? {
            Some(SettingChange { report }) => Ok(Response::Done {
                tag: Tag::new(statement.tag()),
                report,
            }),
            None => self.run(statement, token).await,
        }
    }
}
