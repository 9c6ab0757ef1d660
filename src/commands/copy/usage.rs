//! Message for calls of `\copy` that cannot be read.

use crate::error::ShellError;

const USAGE: &str = "\\copy TABLE [(COLUMNS)] or (QUERY), then to or from, 'FILE' and options \
     such as (format csv, header)";

/// Error with the form of the command.
pub fn usage(problem: &str) -> ShellError {
    ShellError::query(format!("\\copy: {problem}; write {USAGE}"))
}
