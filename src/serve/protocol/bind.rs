//! Checks of the numbers and formats in a Bind message, which pgwire leaves to
//! the server.

use pgwire::error::PgWireResult;

use crate::serve::errors::{self, SqlState};

/// Checks format codes: none, one for all, or one for each of `count` values.
///
/// # Errors
/// [`SqlState::ProtocolViolation`].
pub fn check_formats(kind: &str, codes: &[i16], count: usize) -> PgWireResult<()> {
    if let Some(code) = codes.iter().find(|code| !matches!(code, 0 | 1)) {
        return Err(errors::error(
            SqlState::ProtocolViolation,
            format!("the {kind} format {code} is neither text (0) nor binary (1)"),
        ));
    }
    match codes.len() {
        0 | 1 => Ok(()),
        given if given == count => Ok(()),
        given => Err(errors::error(
            SqlState::ProtocolViolation,
            format!("the message has {given} {kind} formats for {count} values"),
        )),
    }
}

/// Checks the number of parameters.
///
/// # Errors
/// [`SqlState::ProtocolViolation`].
pub fn check_count(given: usize, expected: usize) -> PgWireResult<()> {
    match given == expected {
        true => Ok(()),
        false => Err(errors::error(
            SqlState::ProtocolViolation,
            format!("the message has {given} parameters, and the statement takes {expected}"),
        )),
    }
}
