//! Shared code of the two server processes.

use std::time::Duration;

use semql::{ExitCode, ShellError};

/// Stack size of the threads in bytes: decoding a plan recurses once for each
/// level of an expression.
const THREAD_STACK_SIZE: usize = 8 << 20;

/// Time that tasks may take to end with the process.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

/// Runs a server on new threads until it ends.
///
/// # Errors
/// Threads cannot be started, or the server fails.
pub fn run(serve: impl Future<Output = Result<(), ShellError>>) -> Result<ExitCode, ShellError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(THREAD_STACK_SIZE)
        .build()
        .map_err(|error| ShellError::setup(format!("cannot start threads: {error}")))?;
    let served = runtime.block_on(serve);
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    served.map(|()| ExitCode::Success)
}

/// Prints a line on standard error.
pub fn print_status(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "semql cluster: {line}");
}

/// Parses `host:port`, with or without a scheme such as `http://` or `df://`.
///
/// # Errors
/// Text that is not a host and a port.
pub fn parse_host_port(url: &str) -> Result<(String, u16), ShellError> {
    let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
    let bare = bare.trim_end_matches('/');
    let parts = bare
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host.to_string(), port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && port != 0 => Ok((host, port)),
        _ => Err(ShellError::usage(format!(
            "'{url}' is not the address of a scheduler; write host and port, such as localhost:50050"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port_are_parsed() {
        for url in ["h:1", "http://h:1", "df://h:1/"] {
            assert_eq!(parse_host_port(url).unwrap(), ("h".to_string(), 1), "{url}");
        }
        assert_eq!(
            parse_host_port("[::1]:7").unwrap(),
            ("[::1]".to_string(), 7)
        );
        for wrong in ["", "h", "h:", ":1", "h:x", "h:0", "http://h"] {
            assert!(parse_host_port(wrong).is_err(), "{wrong}");
        }
    }
}
