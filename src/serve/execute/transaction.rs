//! Transaction status of a connection.

use pgwire::api::results::Tag;
use pgwire::error::PgWireResult;
use pgwire::messages::response::TransactionStatus;

use crate::serve::connection::Connection;
use crate::serve::errors::{self, SqlState};
use crate::statement::Statement;
use crate::statement::parsed::{ConnectionCommand, StatementCommand};

/// Effect of a statement on the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionEffect {
    Begin,
    /// `COMMIT` or `ROLLBACK`.
    End {
        commits: bool,
    },
    /// Back to a savepoint, also of a failed transaction.
    RollbackTo,
    Unchanged,
}

impl TransactionEffect {
    /// Status after a statement with this effect.
    pub fn apply(self, status: TransactionStatus) -> TransactionStatus {
        match self {
            Self::Begin => status.to_in_transaction_state(),
            Self::End { .. } => status.to_idle_state(),
            Self::RollbackTo if status == TransactionStatus::Idle => status,
            Self::RollbackTo => TransactionStatus::Transaction,
            Self::Unchanged => status,
        }
    }
}

impl Connection {
    /// Ends the transaction of the session, and gives the tag of what was done:
    /// COMMIT of a failed transaction rolls back.
    ///
    /// # Errors
    /// Changes of other connections that prevent the COMMIT.
    pub async fn end_transaction(
        &self,
        effect: TransactionEffect,
        status: TransactionStatus,
        tag: Tag,
    ) -> PgWireResult<Tag> {
        let TransactionEffect::End { commits } = effect else {
            return Ok(tag);
        };
        let session = self.session()?;
        match commits && status != TransactionStatus::Error {
            true => session.commit().await.map(|()| tag).map_err(errors::wire),
            false => {
                session.rollback();
                Ok(Tag::new("ROLLBACK"))
            }
        }
    }
}

/// Refuses a statement in a failed transaction, except for its end.
///
/// # Errors
/// [`SqlState::FailedTransaction`].
pub fn check_status(status: TransactionStatus, statement: &Statement) -> PgWireResult<()> {
    let ends = matches!(
        statement.command,
        StatementCommand::Connection(
            ConnectionCommand::End { .. } | ConnectionCommand::RollbackTo { .. }
        )
    );
    match status {
        TransactionStatus::Error if !ends => Err(errors::error(
            SqlState::FailedTransaction,
            "the transaction has failed; nothing runs before ROLLBACK",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statement::parser::parse_one;

    #[test]
    fn a_failed_transaction_accepts_only_its_end() {
        let refused = |status, sql: &str| check_status(status, &parse_one(sql).unwrap()).is_err();
        assert!(refused(TransactionStatus::Error, "SELECT 1"));
        assert!(!refused(TransactionStatus::Error, "ROLLBACK TO s"));
        assert!(!refused(TransactionStatus::Error, "ROLLBACK"));
        assert!(!refused(TransactionStatus::Transaction, "SELECT 1"));
    }
}
