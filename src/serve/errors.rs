//! Errors with SQLSTATEs.

use pgwire::error::{ErrorInfo, PgWireError};

use crate::error::{ErrorKind, ShellError};

/// Error class, sent to clients as a SQLSTATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqlState {
    ProtocolViolation,
    NotAuthorized,
    TooManyConnections,
    InvalidParameter,
    FailedTransaction,
    ReadOnly,
    InsufficientPrivilege,
    QueueFull,
    NotSupported,
    UndefinedCursor,
    DuplicateCursor,
    Syntax,
    StatementTooComplex,
    UndefinedTable,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedObject,
    UndefinedSchema,
    UndefinedSavepoint,
    UndefinedPreparedStatement,
    DuplicatePreparedStatement,
    DuplicateTable,
    DuplicateColumn,
    DuplicateSchema,
    DependentObjects,
    NotNullViolation,
    UniqueViolation,
    CheckViolation,
    TooLong,
    DivisionByZero,
    OutOfRange,
    InvalidText,
    SerializationFailure,
    OutOfMemory,
    System,
    Canceled,
    AdminShutdown,
    IdleTimeout,
    Internal,
    /// Any other error of the statement.
    SyntaxOrAccess,
}

impl SqlState {
    /// Code of five characters.
    pub fn code(self) -> &'static str {
        match self {
            Self::ProtocolViolation => "08P01",
            Self::NotAuthorized => "28000",
            Self::TooManyConnections => "53300",
            Self::InvalidParameter => "22023",
            Self::FailedTransaction => "25P02",
            Self::ReadOnly => "25006",
            Self::InsufficientPrivilege => "42501",
            Self::QueueFull => "53400",
            Self::NotSupported => "0A000",
            Self::UndefinedCursor => "34000",
            Self::DuplicateCursor => "42P03",
            Self::Syntax => "42601",
            Self::StatementTooComplex => "54001",
            Self::UndefinedTable => "42P01",
            Self::UndefinedColumn => "42703",
            Self::UndefinedFunction => "42883",
            Self::UndefinedObject => "42704",
            Self::UndefinedSchema => "3F000",
            Self::UndefinedSavepoint => "3B001",
            Self::UndefinedPreparedStatement => "26000",
            Self::DuplicatePreparedStatement => "42P05",
            Self::DuplicateTable => "42P07",
            Self::DuplicateColumn => "42701",
            Self::DuplicateSchema => "42P06",
            Self::DependentObjects => "2BP01",
            Self::NotNullViolation => "23502",
            Self::UniqueViolation => "23505",
            Self::CheckViolation => "23514",
            Self::TooLong => "22001",
            Self::DivisionByZero => "22012",
            Self::OutOfRange => "22003",
            Self::InvalidText => "22P02",
            Self::SerializationFailure => "40001",
            Self::OutOfMemory => "53200",
            Self::System => "58000",
            Self::Canceled => "57014",
            Self::AdminShutdown => "57P01",
            Self::IdleTimeout => "57P05",
            Self::Internal => "XX000",
            Self::SyntaxOrAccess => "42000",
        }
    }
}

impl From<ErrorKind> for SqlState {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Statement => Self::SyntaxOrAccess,
            ErrorKind::Syntax => Self::Syntax,
            ErrorKind::TooComplex => Self::StatementTooComplex,
            ErrorKind::UndefinedTable => Self::UndefinedTable,
            ErrorKind::UndefinedColumn => Self::UndefinedColumn,
            ErrorKind::UndefinedFunction => Self::UndefinedFunction,
            ErrorKind::UndefinedObject => Self::UndefinedObject,
            ErrorKind::UndefinedSchema => Self::UndefinedSchema,
            ErrorKind::UndefinedSavepoint => Self::UndefinedSavepoint,
            ErrorKind::UndefinedPreparedStatement => Self::UndefinedPreparedStatement,
            ErrorKind::DuplicatePreparedStatement => Self::DuplicatePreparedStatement,
            ErrorKind::DuplicateTable => Self::DuplicateTable,
            ErrorKind::DuplicateColumn => Self::DuplicateColumn,
            ErrorKind::DuplicateSchema => Self::DuplicateSchema,
            ErrorKind::DependentObjects => Self::DependentObjects,
            ErrorKind::NotNullViolation => Self::NotNullViolation,
            ErrorKind::UniqueViolation => Self::UniqueViolation,
            ErrorKind::CheckViolation => Self::CheckViolation,
            ErrorKind::TooLong => Self::TooLong,
            ErrorKind::DivisionByZero => Self::DivisionByZero,
            ErrorKind::OutOfRange => Self::OutOfRange,
            ErrorKind::InvalidCast => Self::InvalidText,
            ErrorKind::ConcurrentChange => Self::SerializationFailure,
            ErrorKind::InvalidValue => Self::InvalidParameter,
            ErrorKind::NotSupported => Self::NotSupported,
            ErrorKind::ReadOnly => Self::ReadOnly,
            ErrorKind::Forbidden => Self::InsufficientPrivilege,
            ErrorKind::OutOfMemory => Self::OutOfMemory,
            ErrorKind::Setup => Self::System,
            ErrorKind::Canceled => Self::Canceled,
            ErrorKind::Internal => Self::Internal,
        }
    }
}

fn with(severity: &str, state: SqlState, message: String) -> PgWireError {
    let info = ErrorInfo::new(severity.into(), state.code().into(), message);
    PgWireError::UserError(Box::new(info))
}

/// An error that does not end the connection.
pub fn error(state: SqlState, message: impl Into<String>) -> PgWireError {
    with("ERROR", state, message.into())
}

/// An error that ends the connection.
pub fn fatal(state: SqlState, message: impl Into<String>) -> PgWireError {
    with("FATAL", state, message.into())
}

/// Converts an error of the shell.
pub fn wire(error: ShellError) -> PgWireError {
    let state = SqlState::from(error.kind);
    let message = match error.line {
        Some(line) if line > 1 => format!("line {line}: {}", error.message),
        _ => error.message,
    };
    with("ERROR", state, message)
}

/// Error of a panic, which is reported on standard error.
pub fn internal() -> PgWireError {
    error(
        SqlState::Internal,
        "internal error; see the log of `semql serve`",
    )
}

/// Makes any error end the connection.
pub fn ending(error: PgWireError) -> PgWireError {
    let mut info = ErrorInfo::from(error);
    info.severity = "FATAL".to_string();
    PgWireError::UserError(Box::new(info))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_codes() {
        let code = |error: ShellError| ErrorInfo::from(wire(error)).code;
        assert_eq!(code(ShellError::interrupted()), "57014");
        assert_eq!(code(ShellError::setup("no model")), "58000");
        let of = |kind| code(ShellError::of_kind(kind, "x"));
        assert_eq!(of(ErrorKind::UndefinedTable), "42P01");
        assert_eq!(of(ErrorKind::Forbidden), "42501");
        assert_eq!(of(ErrorKind::TooComplex), "54001");
    }

    #[test]
    fn every_error_can_end_a_connection() {
        let ended = ending(PgWireError::NotReadyForQuery);
        assert!(ErrorInfo::from(ended).is_fatal());
        let ended = ending(error(SqlState::Syntax, "x"));
        assert!(ErrorInfo::from(ended).is_fatal());
    }
}
