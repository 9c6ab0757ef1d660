//! Explains why a port cannot be bound.

use std::io::{Error, ErrorKind};

/// Reason why an address cannot be bound, to follow its name in a message.
pub fn bind_error(error: &Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "is in use".to_string(),
        ErrorKind::PermissionDenied => "is not allowed".to_string(),
        ErrorKind::AddrNotAvailable => "is not an address of this machine".to_string(),
        _ => format!("cannot be bound: {error}"),
    }
}
