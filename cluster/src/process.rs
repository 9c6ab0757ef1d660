//! A process that serves until it is stopped.

use std::time::Duration;

use semql::{ExitCode, ShellError};

/// Stack of the threads: reading a plan recurses once for each level of an
/// expression.
const STACK: usize = 8 << 20;

/// Runs `serve` up to its end or Ctrl-C.
///
/// # Errors
/// Whatever ends it.
pub fn run(serve: impl Future<Output = Result<(), ShellError>>) -> Result<ExitCode, ShellError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()
        .map_err(|error| ShellError::setup(format!("cannot start threads: {error}")))?;
    let served = runtime.block_on(serve);
    runtime.shutdown_timeout(Duration::from_millis(500));
    served.map(|()| ExitCode::Success)
}

/// A line for whoever started the process, on standard error.
pub fn say(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "semql cluster: {line}");
}

/// The two halves of `host:port`, with or without `http://` or `df://` before it.
///
/// # Errors
/// If it is not that.
pub fn host_and_port(url: &str) -> Result<(String, u16), ShellError> {
    let bare = url.split_once("://").map_or(url, |(_, rest)| rest);
    let bare = bare.trim_end_matches('/');
    let parts = bare
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host.to_string(), port.parse().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && port != 0 => Ok((host, port)),
        _ => Err(ShellError::usage(format!(
            "'{url}' names no scheduler; write its host and port, such as localhost:50050"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheduler_is_a_host_and_a_port() {
        for url in ["h:1", "http://h:1", "df://h:1/"] {
            assert_eq!(host_and_port(url).unwrap(), ("h".to_string(), 1), "{url}");
        }
        assert_eq!(host_and_port("[::1]:7").unwrap(), ("[::1]".to_string(), 7));
        for wrong in ["", "h", "h:", ":1", "h:x", "h:0", "http://h"] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}
