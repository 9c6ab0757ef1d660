//! Address of the server.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use crate::error::{Result, ShellError};
use crate::port;

/// Resolves `--listen`.
///
/// # Errors
/// An address without a port, or one that does not resolve.
pub fn resolve(listen: &str) -> Result<Vec<SocketAddr>> {
    let wrong = |why: String| {
        ShellError::usage(format!(
            "--listen {listen}: {why}; an address and a port are expected, such as 127.0.0.1:5432"
        ))
    };
    let found: Vec<SocketAddr> = listen
        .to_socket_addrs()
        .map_err(|error| wrong(error.to_string()))?
        .collect();
    if found.is_empty() {
        return Err(wrong("the address does not resolve".to_string()));
    }
    Ok(found)
}

/// Binds one of the addresses of `--listen`.
///
/// # Errors
/// If no address can be bound.
pub fn bind(addresses: &[SocketAddr], listen: &str) -> Result<TcpListener> {
    let listener = TcpListener::bind(addresses).map_err(|error| {
        let why = port::bind_error(&error);
        ShellError::usage(format!(
            "{listen} {why}; choose another with --listen ADDRESS:PORT (port 0 takes any free one)"
        ))
    })?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
