//! Errors with the codes that clients of Postgres know.

use pgwire::error::{ErrorInfo, PgWireError};

use crate::error::{ExitCode, ShellError};

/// SQLSTATE: what kind of error it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    ProtocolViolation,
    NotAuthorized,
    TooManyConnections,
    InvalidParameter,
    FailedTransaction,
    ReadOnly,
    Queue,
    NotSupported,
    UndefinedCursor,
    DuplicateCursor,
    Syntax,
    UndefinedTable,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedObject,
    OutOfMemory,
    Setup,
    Canceled,
    Internal,
    /// Everything that the statement itself is to blame for.
    Statement,
}

impl State {
    fn code(self) -> &'static str {
        match self {
            Self::ProtocolViolation => "08P01",
            Self::NotAuthorized => "28000",
            Self::TooManyConnections => "53300",
            Self::InvalidParameter => "22023",
            Self::FailedTransaction => "25P02",
            Self::ReadOnly => "25006",
            Self::Queue => "53400",
            Self::NotSupported => "0A000",
            Self::UndefinedCursor => "34000",
            Self::DuplicateCursor => "42P03",
            Self::Syntax => "42601",
            Self::UndefinedTable => "42P01",
            Self::UndefinedColumn => "42703",
            Self::UndefinedFunction => "42883",
            Self::UndefinedObject => "42704",
            Self::OutOfMemory => "53200",
            Self::Setup => "58000",
            Self::Canceled => "57014",
            Self::Internal => "XX000",
            Self::Statement => "42000",
        }
    }
}

/// What messages say, and what kind of error says so. The first that fits.
const SAYINGS: &[(&str, State)] = &[
    ("sql parser error", State::Syntax),
    ("Expected: ", State::Syntax),
    ("begins no statement", State::Syntax),
    ("Unterminated ", State::Syntax),
    ("there is no table or file", State::UndefinedTable),
    ("there is no table function", State::UndefinedFunction),
    ("there is no table", State::UndefinedTable),
    ("No field named", State::UndefinedColumn),
    ("there is no column", State::UndefinedColumn),
    ("Invalid function", State::UndefinedFunction),
    ("there is no setting", State::UndefinedObject),
    ("out of memory", State::OutOfMemory),
    ("not implemented", State::NotSupported),
];

/// What the text of an error says about its kind.
fn state(error: &ShellError) -> State {
    match error.code {
        ExitCode::Setup => State::Setup,
        ExitCode::Interrupted => State::Canceled,
        _ => SAYINGS
            .iter()
            .find(|(words, _)| error.message.contains(words))
            .map_or(State::Statement, |(_, state)| *state),
    }
}

fn with(severity: &str, state: State, message: String) -> PgWireError {
    let info = ErrorInfo::new(severity.into(), state.code().into(), message);
    PgWireError::UserError(Box::new(info))
}

pub fn error(state: State, message: impl Into<String>) -> PgWireError {
    with("ERROR", state, message.into())
}

/// An error that ends the connection.
pub fn fatal(state: State, message: impl Into<String>) -> PgWireError {
    with("FATAL", state, message.into())
}

/// An error of the shell's, for the client.
pub fn wire(error: ShellError) -> PgWireError {
    let state = state(&error);
    let message = match error.line {
        Some(line) if line > 1 => format!("line {line}: {}", error.message),
        _ => error.message,
    };
    with("ERROR", state, message)
}

pub fn internal() -> PgWireError {
    error(
        State::Internal,
        "the statement was stopped by an internal error; the terminal of `semql serve` has more",
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
    fn messages_tell_the_kind() {
        let of = |message: &str| state(&ShellError::query(message));
        assert_eq!(of("there is no table or file 'x'"), State::UndefinedTable);
        assert_eq!(of("sql parser error: Expected: )"), State::Syntax);
        assert_eq!(of("something else"), State::Statement);
        assert_eq!(state(&ShellError::interrupted()), State::Canceled);
        assert_eq!(state(&ShellError::setup("no model")), State::Setup);
    }

    #[test]
    fn every_error_can_end_a_connection() {
        let ended = ending(PgWireError::NotReadyForQuery);
        assert!(ErrorInfo::from(ended).is_fatal());
        let ended = ending(error(State::Syntax, "x"));
        assert!(ErrorInfo::from(ended).is_fatal());
    }
}
