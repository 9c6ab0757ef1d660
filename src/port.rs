//! Explains why a port cannot be bound.

use std::io::{Error, ErrorKind};

/// What is wrong with an address, to follow its name.
pub fn bind_error(error: &Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "is in use".to_string(),
        ErrorKind::PermissionDenied => "is not allowed".to_string(),
        ErrorKind::AddrNotAvailable => "is not an address of this machine".to_string(),
        _ => format!("cannot be bound: {error}"),
    }
}
