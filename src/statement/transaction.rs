//! Transactions of a session without a connection: prompt, scripts, Python.

use super::outcome::Outcome;
use super::parsed::ConnectionCommand;
use crate::error::Result;
use crate::session::Session;

/// Whether a command belongs to a transaction.
pub fn is_transaction(command: &ConnectionCommand) -> bool {
    matches!(
        command,
        ConnectionCommand::Begin { .. }
            | ConnectionCommand::End { .. }
            | ConnectionCommand::Savepoint { .. }
            | ConnectionCommand::Release { .. }
            | ConnectionCommand::RollbackTo { .. }
    )
}

/// Runs a command of a transaction. A statement that fails does not end the
/// transaction here.
///
/// # Errors
/// A savepoint that does not exist; a commit that other sessions prevent.
pub async fn run(session: &Session, command: &ConnectionCommand) -> Result<Outcome> {
    match command {
        ConnectionCommand::Begin { .. } => session.tables.begin(),
        ConnectionCommand::End { tag: "COMMIT" } => session.commit().await?,
        ConnectionCommand::End { .. } => session.rollback(),
        ConnectionCommand::Savepoint { name } => session.tables.savepoint(name),
        ConnectionCommand::Release { savepoint } => session.tables.release(savepoint)?,
        ConnectionCommand::RollbackTo { savepoint } => session.rollback_to(savepoint)?,
        _ => {}
    }
    Ok(Outcome::done(""))
}
