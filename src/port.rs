//! Ports that cannot be had.

use std::io::{Error, ErrorKind};

/// What is wrong with an address, behind its name.
pub fn why_not(error: &Error) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => "is in use".to_string(),
        ErrorKind::PermissionDenied => "is not allowed".to_string(),
        ErrorKind::AddrNotAvailable => "is no address of this machine".to_string(),
        _ => format!("cannot be had: {error}"),
    }
}
