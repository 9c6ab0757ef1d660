//! Messages on standard error.

use std::io::{IsTerminal, Write};

use crate::error::{ExitCode, ShellError};

/// Prints an error, unless the reader of standard output closed it.
pub fn report(error: &ShellError) {
    if error.is_closed_output() {
        return;
    }
    if error.code == ExitCode::Interrupted {
        print_line("Interrupted.");
        return;
    }
    let label = if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        "\x1b[1;31merror:\x1b[0m"
    } else {
        "error:"
    };
    print_line(&format!("{label} {error}"));
}

/// Prints a line on standard error; a closed standard error is ignored.
pub fn print_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
